"""Damage to every file that a job reads: one sentence, or the same result, and nothing else."""
