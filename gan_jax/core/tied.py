"""Parameters of fully connected networks that share their kernels: a decoder's are the encoder's transposed."""

from gan_jax.core.state import Tree


def biases(params: Tree) -> Tree:
    """Returns what is left of a fully connected network's params when its kernels are another network's."""
    return {layer: {"bias": values["bias"]} for layer, values in params.items()}


def transposed(params: Tree, biases: Tree) -> Tree:
    """Returns params whose kernels are those of a fully connected network transposed, last layer first.

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
