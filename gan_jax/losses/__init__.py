"""Losses: arrays in, one value per example out, each from raw scores or logits in its stable form."""
