"""Faces: detection, tracks, alignment, import of videos, paste-back, dlib's models."""
