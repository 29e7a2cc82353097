"""The replay of a recorded run, without a screen."""
