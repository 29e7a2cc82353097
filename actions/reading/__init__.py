"""The text on a target, read from the pixels."""
