"""What Snakemake asks: which rows can run here, what jobs may use, Slurm."""
