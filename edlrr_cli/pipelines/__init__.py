"""Files in, files out: the work of the commands, without the command line."""
