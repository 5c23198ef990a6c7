"""HTML pages that need nothing else: one frame, style and set of parts for all of them."""
