"""Removal of white Gaussian noise."""
