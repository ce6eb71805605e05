"""Losses: arrays in, one value per example out, computed from raw scores or logits in a stable form."""
