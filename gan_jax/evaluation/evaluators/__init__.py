"""Evaluators: what a config asks to be measured of a trained run."""
