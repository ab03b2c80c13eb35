"""Losses and scores of pictures."""
