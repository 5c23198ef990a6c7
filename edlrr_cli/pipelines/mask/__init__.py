"""Masks of the defects of image files."""
