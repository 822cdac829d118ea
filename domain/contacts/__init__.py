"""The persons whom the office writes to."""
