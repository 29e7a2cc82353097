"""Measure how many tasks nano solves, and how often it points at the right widget."""
