"""The command line: what people call by hand, and `dicface job` for the workflow."""
