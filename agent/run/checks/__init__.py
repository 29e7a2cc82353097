"""Checks outside the run's conversation: a closer look, whether the task is done, whether the run loops."""
