"""Recipes that write weights; inference never imports them."""
