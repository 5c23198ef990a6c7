"""Many pictures in one command: which, where to, in how many processes, and what is told of them."""
