"""Claims, under the contracts that they concern."""
