"""Image priors other than global low-rank completion, one per file."""
