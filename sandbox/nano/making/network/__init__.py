"""nano's network in plain PyTorch, and how its weights start."""
