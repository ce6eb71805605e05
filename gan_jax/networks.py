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


def has_batch_statistics(stats: Tree) -> bool:
    """Whether a network with these stats normalises by its batch, so that one example's output hangs on the others."""
    return "batch_stats" in stats


def biases(params: Tree) -> Tree:
    """Of a fully connected network's params those that are left when its kernels are another's."""
    return {layer: {"bias": values["bias"]} for layer, values in params.items()}


def transposed(params: Tree, biases: Tree) -> Tree:
    """The params whose kernels are those of a fully connected network transposed, last layer first, with these biases.

    Raises ValueError where they do not fit: layer by layer the networks' widths must be each other's in reverse.
    """
    ours, theirs = (sorted(tree, key=_number) for tree in (biases, params))
    kernels = [params[layer]["kernel"].T for layer in reversed(theirs)]
    widths = [len(biases[layer]["bias"]) for layer in ours]
    if [kernel.shape[-1] for kernel in kernels] != widths:
        raise ValueError(
            f"tied weights: the decoder's widths are {widths}, "
            f"the encoder's transposed make {[kernel.shape[-1] for kernel in kernels]}"
        )
    return {layer: {"kernel": kernel, **biases[layer]} for layer, kernel in zip(ours, kernels, strict=True)}


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2])
