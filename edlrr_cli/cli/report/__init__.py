"""``--report``: what a command has done, as one HTML page."""
