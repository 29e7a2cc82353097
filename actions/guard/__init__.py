"""The guard: plain code, without a model, that decides whether a plan may be carried out."""
