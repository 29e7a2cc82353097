"""Attacks by words: on buttons, in messages, in the reply itself."""
