"""The checks of `qvl-agent doctor`: what is missing or wrong on this machine, and the remedies."""
