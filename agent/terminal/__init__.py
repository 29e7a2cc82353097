"""The terminal: what the person reads there, and the keys with which they answer."""
