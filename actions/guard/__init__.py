"""The plain code that decides whether a plan may be carried out."""
