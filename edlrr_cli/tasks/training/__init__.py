"""Training of denoising networks with a low-rank term."""
