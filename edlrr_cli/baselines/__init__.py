"""Baseline methods: one paper per file, all listed in `registry`."""
