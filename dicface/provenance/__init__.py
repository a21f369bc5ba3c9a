"""Where files come from, and whether that still holds."""
