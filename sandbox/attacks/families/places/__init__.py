"""Attacks by where they stand: files, terminals, vaults, other toolkits."""
