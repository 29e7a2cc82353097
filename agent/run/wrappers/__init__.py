"""Wrappers around a run's desktop, model and person: for secrets, and for the watchdog."""
