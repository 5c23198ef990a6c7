"""The paper's matrix completion: each channel, as a whole, is a matrix of low rank."""
