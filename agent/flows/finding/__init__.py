"""Find a flow's target on the screen without a model: for sure, or not at all."""
