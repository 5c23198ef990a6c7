"""Clips whose frames are replaced, for any command."""
