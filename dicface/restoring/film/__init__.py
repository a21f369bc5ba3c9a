"""Films: shots and people out of a film, restored faces back into it, and all the rest kept."""
