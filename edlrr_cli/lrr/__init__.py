"""The mathematics: tensors in, tensors out; knows no file, no task and no command line."""
