"""Type any text exactly, with any keyboard map of the X server."""
