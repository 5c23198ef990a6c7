"""Metadata of files: one reader per format, and one writer."""
