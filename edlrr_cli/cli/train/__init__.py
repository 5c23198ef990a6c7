"""The command ``edlrr train``."""
