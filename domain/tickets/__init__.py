"""Tickets: how messages arrive, find their file, and are seen to."""
