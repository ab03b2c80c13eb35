"""Array maths that several methods share, one topic a file."""
