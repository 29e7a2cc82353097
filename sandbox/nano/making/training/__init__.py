"""The two stages of the training."""
