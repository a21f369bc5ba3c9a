"""Training of the networks: stages, losses, samples, one loop."""
