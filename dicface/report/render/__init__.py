"""Tables as Markdown, CSV, LaTeX and text."""
