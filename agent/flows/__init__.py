"""Scripts that do a task without a model: right, or stopped."""
