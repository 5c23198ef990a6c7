"""Networks that predict the noise of an image: modules and their names; know no task and no file."""
