"""Tables: rows, columns, statistics, footnotes."""
