"""Inpainting: missing pixels are restored by image priors, which are compared on held-out known pixels."""
