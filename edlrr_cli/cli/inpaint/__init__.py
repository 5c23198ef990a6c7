"""The command ``edlrr inpaint``."""
