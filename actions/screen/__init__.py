"""What pixels tell: what changed, whether it is still the same place, whether it has settled."""
