"""Train a denoising network on a folder of images."""
