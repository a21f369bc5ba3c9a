"""Errors, files and digests, seeds from names: what everything stands on."""
