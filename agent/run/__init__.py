"""One run of one task, from its first look to its last line."""
