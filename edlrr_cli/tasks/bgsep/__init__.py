"""Separating a video into background and foreground."""
