"""Training of denoising networks with the low-rank term."""
