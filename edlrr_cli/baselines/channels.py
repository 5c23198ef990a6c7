"""Former place of `edlrr_cli.channels`."""

from edlrr_cli.channels import as_channels as as_channels
from edlrr_cli.channels import to_pixels as to_pixels
