"""Read one action out of the text of a model's reply."""
