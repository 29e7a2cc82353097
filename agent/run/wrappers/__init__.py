"""What stands between a run and its desktop, model and person."""
