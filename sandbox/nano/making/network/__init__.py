"""nano's network: its shape, tokenizer and starting weights, and its forward pass in plain PyTorch."""
