"""Attacks by words: on buttons, in typed text, in the reply itself."""
