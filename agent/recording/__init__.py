"""The run on disk: its format, its journal, its reader and writer."""
