"""Evaluators: the measurements of a trained run that a config can request."""
