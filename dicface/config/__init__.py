"""The configuration: typed settings, networks and rows resolved by name."""
