"""The watchdog's process on X11: it reads raw input, and releases what is pressed."""
