"""What is missing on this machine, and the remedy."""
