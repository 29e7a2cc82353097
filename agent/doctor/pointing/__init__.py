"""A check of how well a model points, measured on screens that are drawn for it."""
