"""Faces: detection, five-point alignment, paste-back, offline landmarks and identity."""
