"""How well a model points, measured on screens drawn for it."""
