"""Attacks that strike at a moment: keys, power buttons, policies, races."""
