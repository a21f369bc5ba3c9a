"""Data: demo clips, prior images, degradations and training windows."""
