"""What Snakemake asks: plans, triggers, Slurm."""
