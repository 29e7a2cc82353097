"""One run of one task, from the first capture of the screen to the last line of the journal."""
