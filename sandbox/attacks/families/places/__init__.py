"""Attacks in special places: files, terminals, password fields, untouchable windows, other toolkits."""
