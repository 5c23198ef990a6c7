"""Fill the holes of video clips."""
