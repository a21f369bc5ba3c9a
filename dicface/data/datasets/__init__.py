"""Data sets on disk: their layouts, checks, shards, landmarks and indexes."""
