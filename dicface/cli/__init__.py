"""The command line: `dicface …`."""
