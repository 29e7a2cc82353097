"""Secrets that the agent types but never shows: their values, covered in pictures and taken out of texts."""
