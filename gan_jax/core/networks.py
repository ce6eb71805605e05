"""Linen modules as pure functions of (params, stats): the only place that knows Linen's dictionary of variables."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

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
    """The module's output and its new stats (the same ones where `train` is False); `key` feeds its dropout.

    A module with a field `dtype` computes in it: params and inputs are cast to it and outputs to float32, so that all
    that is kept, added up or compared, running statistics among it, stays float32.
    """
    dtype = getattr(module, "dtype", jnp.float32)
    variables = {"params": _cast(params, dtype), **stats}
    rngs = None if key is None or not train else {"dropout": key}
    outputs = module.apply(
        variables, *_cast(inputs, dtype), train=train, mutable=list(stats) if train else False, rngs=rngs
    )
    outputs, stats = outputs if train else (outputs, stats)
    return _cast(outputs, jnp.float32), stats


def output_range(
    module: nn.Module, then: Callable[[jax.Array], jax.Array] = lambda outputs: outputs
) -> tuple[float, float] | None:
    """Between which values `then` of the module's outputs lies, by its field `last_activation`: (-1, 1) of a tanh.

    Infinite on a side where there is no bound. None where the module has no such field, or where the activation is no
    function of one value. Found by trying values: there is no bound where those up to 1e25 lead on beyond the others.
    """
    activation = getattr(module, "last_activation", None)
    large = np.logspace(1.5, 25, 100)
    tried = np.concatenate([-large, np.linspace(-30, 30, 6001), large]).astype(np.float32)
    try:
        made = np.asarray(then(activation(jnp.asarray(tried))), np.float64)  # pyrefly: ignore[not-callable]
    except Exception:  # of a function that is somebody's own
        return None
    if made.shape != tried.shape or np.isnan(made).all():
        return None
    some = made[np.abs(tried) < 1e12]
    low, high = float(np.nanmin(made)), float(np.nanmax(made))
    slack = 1e-3 * float(np.nanmax(some) - np.nanmin(some))
    return low if low >= np.nanmin(some) - slack else -math.inf, high if high <= np.nanmax(some) + slack else math.inf


def _cast(tree: Tree, dtype: DTypeLike) -> Tree:
    """The tree with its floats in this dtype; integers stay."""
    return jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


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
