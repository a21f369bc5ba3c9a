"""Tables, their statistics, figures and pages of a run, and results that were made elsewhere.

Only `tables` reads numbers; `render` writes them out, `site` makes pages of the same tables.
"""
