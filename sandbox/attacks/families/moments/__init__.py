"""Attacks that depend on when or by whom something is done: keys, power buttons, policies, races."""
