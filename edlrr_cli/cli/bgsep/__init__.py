"""The command `edlrr bgsep`."""
