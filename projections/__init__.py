"""What the office can see: one module per read model, and the engine that keeps them all."""
