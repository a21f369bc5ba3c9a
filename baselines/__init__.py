"""The eight systems that the paper compares with, one module each; networks in `networks/`.

The package registers them like any other one: in the entry-point group "dicface.methods" of
`pyproject.toml`. Nothing in `dicface` imports it.
"""
