"""What pictures are compared and judged by."""
