"""Restoring clips with a method, frame by frame as they stream, and whole films."""
