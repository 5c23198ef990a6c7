"""Public functions: restore arrays and tensors in one call."""
