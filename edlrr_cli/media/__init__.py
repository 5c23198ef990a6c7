"""Image and video files to arrays and back: the only package that handles paths, uint8, alpha and EXIF."""
