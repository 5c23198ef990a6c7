"""Restoration tasks: a frozen Config in, a Result out; no printing and no files."""
