"""How the world calls Greffier: HTTP, command line, settings, and the composition root."""
