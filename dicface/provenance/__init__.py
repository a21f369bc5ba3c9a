"""Where files come from: records of what is kept, manifests, cards, `dicface verify`."""
