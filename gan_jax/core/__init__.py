"""The core: what a game of players, losses and rules is made of. It imports JAX, Flax and Optax only."""
