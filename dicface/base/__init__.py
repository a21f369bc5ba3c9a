"""Errors, files and digests, seeds from names: what everything stands on."""

__version__ = "0.1.0"
