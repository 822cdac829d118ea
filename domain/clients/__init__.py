"""Clients and prospects, persons and companies."""
