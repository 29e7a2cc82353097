"""Make a flow of a recorded run: one step for each action that was needed, and proof that each worked."""
