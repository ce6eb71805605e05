"""Builds the experiment that a config describes."""

from gan_jax.experiments.experiment import (
    MAX_BYTES,
    Experiment,
    Inputs,
    build,
    held,
    make_executor,
    make_inputs,
    streams,
)

__all__ = ["MAX_BYTES", "Experiment", "Inputs", "build", "held", "make_executor", "make_inputs", "streams"]
