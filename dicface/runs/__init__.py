"""The layout of a run on disk, and where a method's restored clips lie."""
