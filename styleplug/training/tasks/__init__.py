"""The tasks: one file, one net."""
