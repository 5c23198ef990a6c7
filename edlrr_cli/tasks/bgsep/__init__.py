"""Separation of a video into background and foreground."""
