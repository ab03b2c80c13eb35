"""The pictures that a run learns from."""
