"""The form application."""
