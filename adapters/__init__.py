"""How Greffier calls the world: event store, vault, read store, desk, files, mail."""
