"""Split videos into background, foreground and masks."""
