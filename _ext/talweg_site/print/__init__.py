"""The printed book: LaTeX, its fonts, photographs of the figures, four PDFs."""
