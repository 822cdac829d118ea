"""The office itself, and who works there."""
