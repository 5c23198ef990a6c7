"""What files say beside their pixels: read in one place for each format, and written in one."""
