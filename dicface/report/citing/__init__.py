"""The section on methods of a paper: what a run used, by its records, and whom to cite for it."""
