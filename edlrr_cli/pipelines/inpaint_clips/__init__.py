"""Clips whose missing pixels are filled."""
