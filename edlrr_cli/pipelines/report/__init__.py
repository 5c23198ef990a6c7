"""The HTML page of a command."""
