"""gan_jax: from autoencoders to GANs, in JAX."""
