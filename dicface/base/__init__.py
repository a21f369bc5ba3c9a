"""What everything stands on: errors, files, seeds, names. Imports nothing of dicface."""
