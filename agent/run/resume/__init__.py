"""Going on with a run that ended before its task was over."""
