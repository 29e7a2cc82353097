"""A desktop on another machine, or in a container, by the RFB protocol of VNC (RFC 6143).

Source of all that isn't in the RFC: https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst.
"""
