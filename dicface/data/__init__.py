"""Clips and inputs: the renderer, the photograph, degradation, data sets on disk."""
