"""Clips whose noise is removed."""
