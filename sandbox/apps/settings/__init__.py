"""The settings application: a panel with five tabs."""
