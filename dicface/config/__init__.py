"""The configuration: typed settings, overlays and checks, networks and rows by name."""
