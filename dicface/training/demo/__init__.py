"""The demo's own stages I to III: trained, looked at on the way, exported and described."""
