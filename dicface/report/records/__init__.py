"""Rows as records: one JSON file a row, to publish, to check, and to compare runs by."""
