"""Measurements: every published number comes from here."""
