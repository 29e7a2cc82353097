"""The choice of a model: presets, the models on this machine, and what its memory holds."""
