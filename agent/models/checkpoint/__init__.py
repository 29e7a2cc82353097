"""A checkpoint in the program itself, by transformers."""
