"""Tables, their statistics, the comparison picture and the run's manifest.

Only `statistics`, `scores` and `tables` read numbers; `render_table` and `latex` write them out.
"""
