"""Papers of clients, contracts and claims."""
