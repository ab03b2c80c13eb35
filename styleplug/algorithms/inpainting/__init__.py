"""Filling a hole from the rest of the picture."""
