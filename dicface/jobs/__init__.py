"""The jobs of the workflow."""
