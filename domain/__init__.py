"""What the office decides: events, aggregates, commands and policies, all pure."""
