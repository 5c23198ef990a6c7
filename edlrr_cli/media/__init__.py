"""Files in, arrays out, and back: the only room that knows paths, uint8, alpha and EXIF."""
