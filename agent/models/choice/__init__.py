"""Which model it is: presets, what lies on this machine, what its memory holds."""
