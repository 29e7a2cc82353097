"""The training data: the oracle's runs and single questions, made in real windows of the sandbox."""
