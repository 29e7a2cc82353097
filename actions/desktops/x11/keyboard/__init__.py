"""Typing exactly, on whatever keyboard map the X server has."""
