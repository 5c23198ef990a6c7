"""Global low-rank completion, the paper's method: each channel as a whole is a matrix of low rank."""
