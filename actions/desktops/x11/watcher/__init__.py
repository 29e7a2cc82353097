"""The watchdog's process on X11: it watches raw input, and releases keys and buttons that are left down."""
