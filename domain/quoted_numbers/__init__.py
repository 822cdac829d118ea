"""The numbers that people quote, and whose they are."""
