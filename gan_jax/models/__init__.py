"""Linen encoders, decoders, generators and critics: a file for each architecture."""
