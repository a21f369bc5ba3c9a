"""The eight systems that the paper compares with, one module each; networks in `networks/`."""
