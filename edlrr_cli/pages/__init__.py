"""Self-contained HTML pages: one base template, style and set of macros for all of them."""
