"""Linen modules as pure functions of (params, stats): the only place that knows Linen's dictionary of variables."""

from typing import Any

import flax.linen as nn
import jax

Tree = Any


def init(module: nn.Module, key: jax.Array, *inputs: jax.Array) -> tuple[Tree, Tree]:
    """A module's first (params, stats) for inputs of these shapes; stats hold the running statistics, if any."""
    variables = dict(module.init(key, *inputs, train=False))
    return variables.pop("params"), variables


def apply(
    module: nn.Module,
    params: Tree,
    stats: Tree,
    *inputs: jax.Array,
    train: bool,
    key: jax.Array | None = None,
) -> tuple[Any, Tree]:
    """The module's output and its new stats (the same ones where `train` is False); `key` feeds its dropout."""
    variables = {"params": params, **stats}
    if not train:
        return module.apply(variables, *inputs, train=False), stats
    rngs = None if key is None else {"dropout": key}
    return module.apply(variables, *inputs, train=True, mutable=list(stats), rngs=rngs)
