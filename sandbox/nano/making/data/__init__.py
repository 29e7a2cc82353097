"""Training data: runs and single questions, from real windows of the sandbox."""
