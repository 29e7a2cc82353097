"""Run a flow on a desktop: through the same guard, executor, journal and report as every run."""
