"""The core: the parts of a game, which are players, losses and step rules. It imports JAX, Flax and Optax only."""
