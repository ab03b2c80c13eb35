"""The vocabulary that all layers share; it imports nothing else of ours."""
