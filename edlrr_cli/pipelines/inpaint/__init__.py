"""Fill the missing pixels of image files."""
