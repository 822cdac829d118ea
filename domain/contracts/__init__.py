"""What clients are insured by."""
