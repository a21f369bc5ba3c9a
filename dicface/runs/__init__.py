"""The layout of a run on disk."""
