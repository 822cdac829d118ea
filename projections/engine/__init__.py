"""The engine: keeps every read model up with the log, rebuilds it, and proves it."""
