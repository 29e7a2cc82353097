"""Read the text on a target from the pixels."""
