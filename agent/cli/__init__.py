"""The command line: with `terminal` the only place that prints or exits."""
