"""Inpainting of video clips: the hole is filled from other frames, and by single images elsewhere."""
