"""Whose windows lie where on an X display, and which one has the focus."""
