"""Distributions: samplers of latents and labels, noise, and likelihoods."""
