"""A run on disk: its format, its journal, its writer and its reader."""
