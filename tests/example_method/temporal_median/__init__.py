"""A restoration method in a package of its own."""
