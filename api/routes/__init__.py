"""The operations of the HTTP API, a module per thing that they are about."""
