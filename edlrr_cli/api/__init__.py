"""The outermost door: arrays and tensors, restored in one call."""
