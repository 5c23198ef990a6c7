"""edlrr: low-rank image restoration with a differentiable, SVD-free penalty."""

__version__ = "0.1.0"
