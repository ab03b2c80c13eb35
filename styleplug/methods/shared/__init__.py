"""What a family of methods shares."""
