"""Messages: which were taken in, and where each stands."""
