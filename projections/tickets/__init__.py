"""The tickets: how each stands, the lists that show them, and what they tell of where others could go."""
