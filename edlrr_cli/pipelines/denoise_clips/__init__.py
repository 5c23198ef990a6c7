"""``edlrr denoise`` of clips: files in, files out."""
