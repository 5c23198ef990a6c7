"""Networks that predict the noise of an image: modules and their names, independent of tasks and files."""
