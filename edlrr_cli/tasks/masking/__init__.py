"""Masks of defects, found in arrays: dust, scratches, overlays, and dust in an infrared plane."""
