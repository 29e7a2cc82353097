"""The watchdog: a process beside a run that holds the kill switch and releases pressed keys and buttons."""
