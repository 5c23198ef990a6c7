"""What a picture is taken to be like, beside the channels as a `whole`: one idea a file."""
