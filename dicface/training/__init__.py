"""Training: stages, losses, samples, and one loop for all of them."""
