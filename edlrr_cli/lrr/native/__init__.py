"""Optional compiled kernels for a CPU: one C file per kind, with the module that calls it."""
