"""The command ``edlrr denoise``."""
