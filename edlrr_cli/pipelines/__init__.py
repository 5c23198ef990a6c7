"""Files in, files out: what the commands do, without the command line."""
