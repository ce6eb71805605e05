"""Tied weights of fully connected networks: a decoder's kernels are the encoder's transposed."""

from gan_jax.core.state import Tree


def biases(params: Tree) -> Tree:
    """Returns a fully connected network's params without its kernels, which belong to another network."""
    return {layer: {"bias": values["bias"]} for layer, values in params.items()}


def transposed(params: Tree, biases: Tree) -> Tree:
    """Returns these biases with the transposed kernels of a fully connected network, last layer first.

    Raises ValueError if they do not fit: each network's widths must be the other's in reverse.
    """
    ours, theirs = (sorted(tree, key=_number) for tree in (biases, params))
    kernels = [params[layer]["kernel"].T for layer in reversed(theirs)]
    widths = [len(biases[layer]["bias"]) for layer in ours]
    if [kernel.shape[-1] for kernel in kernels] != widths:
        raise ValueError(
            f"tied weights: the decoder's widths are {widths}, "
            f"but those of the encoder's transposed kernels are {[kernel.shape[-1] for kernel in kernels]}"
        )
    return {layer: {"kernel": kernel, **biases[layer]} for layer, kernel in zip(ours, kernels, strict=True)}


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2])
