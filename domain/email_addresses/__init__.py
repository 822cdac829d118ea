"""E-mail addresses, and whose they are."""
