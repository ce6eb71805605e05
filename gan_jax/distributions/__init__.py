"""Samplers of latents, labels, masks and observations; noise, augmentation of data, and likelihoods."""
