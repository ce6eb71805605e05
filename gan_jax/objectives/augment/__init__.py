"""Augmentation inside the game: what the critic sees of real examples and fakes, with gradients for the generator."""
