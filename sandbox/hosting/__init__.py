"""The process that the sandbox's applications run in, and the line to it."""
