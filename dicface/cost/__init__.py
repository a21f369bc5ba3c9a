"""What a run will cost before it starts: jobs, time on GPUs and cores, disk, downloads.

`jobs` asks Snakemake for the jobs; `model` turns one of them into seconds and bytes by means of
`rates` (rates.csv), `sizes` and `flops`; `estimate` sums over targets. `dicface plan` prints
it.
"""
