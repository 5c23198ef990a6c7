"""What a picture is taken to be like, beside `edlrr_cli.tasks.inpaint`'s whole channels: one idea a file."""
