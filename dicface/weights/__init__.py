"""The registry of weights files: lookup, download, conversion, loading."""
