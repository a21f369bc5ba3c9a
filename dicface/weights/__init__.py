"""Weights files: the registry, download, conversion to safetensors, loading."""
