"""Small matrices made of the pixels of images: their positions, how they are gathered, and the adjoint."""
