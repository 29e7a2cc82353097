"""Comparisons of captures: what changed, whether the target is unchanged, whether the screen is quiet."""
