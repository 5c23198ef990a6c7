"""Removal of white noise and of the noise of photographs."""
