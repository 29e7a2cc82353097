"""The desktop of an X server: captures, input, windows and the watchdog's process."""
