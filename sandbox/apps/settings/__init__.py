"""The settings application."""
