"""The companies that the office works with."""
