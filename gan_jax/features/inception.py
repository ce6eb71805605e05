"""InceptionV3 as used by FID: the network of 2015-12-05 with its TensorFlow weights and its own resizing.

Szegedy et al. 2015 (arXiv:1512.00567), as used by Heusel et al. 2017 (arXiv:1706.08500): 2,048 features, means over the
last block's 8 x 8 positions. Its blocks are torchvision's with two differences: average pooling ignores
the padding, and the very last block has max pooling instead of average pooling. Each convolution's batch norm is folded
into its kernel and bias. The user provides the weights as a file, made by scripts/convert_inception.py.
"""

from collections.abc import Mapping
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from gan_jax.core import networks as core
from gan_jax.errors import UserError, one_line
from gan_jax.features import weights
from gan_jax.features.base import Network, described
from gan_jax.layers import Conv

NAME = "inception-2015-12-05"
PUBLISHED = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
SHA256_STARTS = "6726825d"
RESIZE = "TensorFlow 1's bilinear to 299 x 299"
SIZE, WIDTH, CLASSES, EPSILON = 299, 2048, 1008, 1e-3
AT_ONCE = 10  # images: 300 MB


class Inception(nn.Module):
    """x [n, h, w, 1 or 3] in 0..255 -> features [n, 2048], logits [n, 1008], without bias as in the Inception Score."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns the features [n, 2048] and the logits [n, 1008]. There are no statistics to train."""
        del train
        x = resized(jnp.broadcast_to(x, (*x.shape[:3], 3)))
        x = _layers((x - 128) / 128, "Conv2d", (("_1a_3x3", 32, 3, 2, 0), ("_2a_3x3", 32, 3, 1, 0)))
        x = _largest(_layers(x, "Conv2d", (("_2b_3x3", 64, 3, 1, 1),)), 2)
        x = _largest(_layers(x, "Conv2d", (("_3b_1x1", 80, 1, 1, 0), ("_4a_3x3", 192, 3, 1, 0))), 2)
        for name, width in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = _block_5(x, name, width)
        x = _block_6a(x, "Mixed_6a")
        for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = _block_6(x, name, width)
        x = _block_7a(x, "Mixed_7a")
        x = _block_7(x, "Mixed_7b", _mean(x))
        x = _block_7(x, "Mixed_7c", _largest(x, 1, 1))
        features = x.mean((1, 2))
        return features, nn.Dense(CLASSES, use_bias=False, name="fc")(features)


def load(path: str, shape: tuple[int, ...]) -> Network:
    """Returns the network for images of this shape, from the file that scripts/convert_inception.py made.

    Raises UserError if there is no such file, or images are neither grey nor RGB.
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise UserError(f"inception takes images of 1 or 3 channels, not examples of shape {shape}")
    if not path:
        raise UserError(
            f"inception needs a file of weights: download {PUBLISHED}, convert it with "
            "scripts/convert_inception.py, and set the evaluator's `weights` to the result"
        )
    try:
        params, _, about, sha256 = weights.unpacked(Path(path).expanduser().read_bytes(), Path(path))
    except OSError as error:
        raise UserError(f"weights of inception: {path} cannot be read ({one_line(error)})") from error
    if about.get("name") != NAME:
        raise UserError(f"weights of inception: {path} holds the weights of {about.get('name')!r}, not of {NAME!r}")

    @jax.jit
    def outputs(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return core.Network(Inception()).apply(params, {}, {"x": x.astype(jnp.float32)}, train=False)[0]

    return Network(NAME, sha256, shape, WIDTH, CLASSES, RESIZE, described(outputs, shape, at_once=AT_ONCE))


def resized(x: jax.Array) -> jax.Array:
    """Returns images [n, h, w, c] resized to [n, 299, 299, c] as in TensorFlow 1: bilinear, row i from row i h / 299.

    This aligns the corners of the first pixels, while other libraries align centers.
    """
    return jnp.einsum("ih,nhwc,jw->nijc", _weights(x.shape[1]), x, _weights(x.shape[2]))


def from_torch(state: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Returns the params of `Inception`, from those of the published PyTorch file, by their names in it.

    Its convolutions are `NAME.conv.weight` [out, in, kh, kw], with `NAME.bn.weight`, `bias`, `running_mean` and
    `running_var`. Raises KeyError if one is missing.
    """
    params: dict[str, dict] = {"fc": {"kernel": np.asarray(state["fc.weight"], np.float32).T}}
    for name in (key.removesuffix(".conv.weight") for key in state if key.endswith(".conv.weight")):
        weight, scale, bias, mean, variance = (
            np.asarray(state[f"{name}.{part}"], np.float64)
            for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
        )
        scale = scale / np.sqrt(variance + EPSILON)
        kernel = weight.transpose(2, 3, 1, 0) * scale
        values = {"kernel": kernel.astype(np.float32), "bias": (bias - mean * scale).astype(np.float32)}
        params[name.replace(".", "_")] = values
    return params


def _weights(size: int) -> np.ndarray:
    """Returns weights [299, size] that interpolate 299 positions from `size` ones. Each row sums to 1."""
    positions = np.arange(SIZE, dtype=np.float32) * np.float32(size / SIZE)
    below = np.floor(positions).astype(int)
    rows = np.zeros((SIZE, size), np.float32)
    np.add.at(rows, (np.arange(SIZE), below), 1 - (positions - below))
    np.add.at(rows, (np.arange(SIZE), np.minimum(below + 1, size - 1)), positions - below)
    return rows


def _layers(x: jax.Array, block: str, layers: tuple[tuple, ...]) -> jax.Array:
    """Applies convolutions (name, channels, kernel, stride, padding) in turn, each with a ReLU."""
    for name, width, kernel, stride, padding in layers:
        down, across = (padding, padding) if isinstance(padding, int) else padding
        x = jnp.pad(x, ((0, 0), (down, down), (across, across), (0, 0)))
        x = nn.relu(Conv(width, kernel, stride, use_bias=True, name=block + name)(x))
    return x


def _side_by_side(x: jax.Array, block: str, *branches: tuple[tuple, ...]) -> list[jax.Array]:
    return [_layers(x, block, branch) for branch in branches]


def _block_5(x: jax.Array, block: str, pooled: int) -> jax.Array:
    made = _side_by_side(
        x,
        block,
        (("_branch1x1", 64, 1, 1, 0),),
        (("_branch5x5_1", 48, 1, 1, 0), ("_branch5x5_2", 64, 5, 1, 2)),
        (("_branch3x3dbl_1", 64, 1, 1, 0), ("_branch3x3dbl_2", 96, 3, 1, 1), ("_branch3x3dbl_3", 96, 3, 1, 1)),
    )
    return jnp.concatenate([*made, _layers(_mean(x), block, (("_branch_pool", pooled, 1, 1, 0),))], axis=-1)


def _block_6a(x: jax.Array, block: str) -> jax.Array:
    made = _side_by_side(
        x,
        block,
        (("_branch3x3", 384, 3, 2, 0),),
        (("_branch3x3dbl_1", 64, 1, 1, 0), ("_branch3x3dbl_2", 96, 3, 1, 1), ("_branch3x3dbl_3", 96, 3, 2, 0)),
    )
    return jnp.concatenate([*made, _largest(x, 2)], axis=-1)


ACROSS, DOWN = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))


def _block_6(x: jax.Array, block: str, width: int) -> jax.Array:
    made = _side_by_side(
        x,
        block,
        (("_branch1x1", 192, 1, 1, 0),),
        (("_branch7x7_1", width, 1, 1, 0), ("_branch7x7_2", width, *ACROSS), ("_branch7x7_3", 192, *DOWN)),
        (
            ("_branch7x7dbl_1", width, 1, 1, 0),
            ("_branch7x7dbl_2", width, *DOWN),
            ("_branch7x7dbl_3", width, *ACROSS),
            ("_branch7x7dbl_4", width, *DOWN),
            ("_branch7x7dbl_5", 192, *ACROSS),
        ),
    )
    return jnp.concatenate([*made, _layers(_mean(x), block, (("_branch_pool", 192, 1, 1, 0),))], axis=-1)


def _block_7a(x: jax.Array, block: str) -> jax.Array:
    made = _side_by_side(
        x,
        block,
        (("_branch3x3_1", 192, 1, 1, 0), ("_branch3x3_2", 320, 3, 2, 0)),
        (
            ("_branch7x7x3_1", 192, 1, 1, 0),
            ("_branch7x7x3_2", 192, *ACROSS),
            ("_branch7x7x3_3", 192, *DOWN),
            ("_branch7x7x3_4", 192, 3, 2, 0),
        ),
    )
    return jnp.concatenate([*made, _largest(x, 2)], axis=-1)


def _block_7(x: jax.Array, block: str, pooled: jax.Array) -> jax.Array:
    [made] = _side_by_side(x, block, (("_branch1x1", 320, 1, 1, 0),))
    one = _layers(x, block, (("_branch3x3_1", 384, 1, 1, 0),))
    other = _layers(x, block, (("_branch3x3dbl_1", 448, 1, 1, 0), ("_branch3x3dbl_2", 384, 3, 1, 1)))
    split = [
        _layers(of, block, ((f"_{name}", 384, kernel, 1, padding),))
        for of, names in ((one, ("branch3x3_2a", "branch3x3_2b")), (other, ("branch3x3dbl_3a", "branch3x3dbl_3b")))
        for name, kernel, padding in zip(names, ((1, 3), (3, 1)), ((0, 1), (1, 0)), strict=True)
    ]
    return jnp.concatenate([made, *split, _layers(pooled, block, (("_branch_pool", 192, 1, 1, 0),))], axis=-1)


def _mean(x: jax.Array) -> jax.Array:
    """Returns the means over 3 x 3 windows, over positions inside the image only."""
    return nn.avg_pool(x, (3, 3), (1, 1), ((1, 1), (1, 1)), count_include_pad=False)


def _largest(x: jax.Array, stride: int, padding: int = 0) -> jax.Array:
    return nn.max_pool(x, (3, 3), (stride, stride), ((padding, padding),) * 2)
