"""Layers of convolutional networks that follow from the image's size, as in DCGAN's family.

Kernels of 4x4, or of 3 along an axis whose size is odd, and stride 2 halve an image until its shorter side is 3 or 4
pixels. If that takes fewer than two layers, layers of 3x3 and stride 1 are added.
"""

from typing import Any, NamedTuple, TypeAlias

AUTO = "auto"
"""The value of a list of layers that follows from the image's size."""
SMALLEST, LEAST_LAYERS, MOST_TIMES = 4, 2, 8  # pixels; layers that convolve inner sizes; the widest layer's channels

Kernel: TypeAlias = int | tuple[int, int]
Kernels: TypeAlias = tuple[Kernel, ...] | str
"""A list of kernels, sizes or (height, width) each; or 'auto'."""
Numbers: TypeAlias = tuple[int, ...] | str
"""A list with an entry for each layer, or 'auto'."""


class Layers(NamedTuple):
    """Lists with an entry for each layer. In a network that makes images, `widths` leaves out the last layer."""

    widths: tuple[int, ...]
    kernels: tuple[Kernel, ...]
    strides: tuple[int, ...]
    paddings: tuple[int, ...]


def downsampling(shape: tuple[int, ...], width: int) -> Layers:
    """Returns the convolutions of a network that takes images of this shape (h, w, c): 28 -> 14 -> 7 -> 4 pixels.

    width: the channels of the first layer. They double from layer to layer, up to eight times as many. Raises
    ValueError if the shape is not an image's.
    """
    sizes = _sizes(shape)
    halved, same = len(sizes) - 1, max(0, LEAST_LAYERS - (len(sizes) - 1))
    return Layers(
        widths=doubled(width, halved + same),
        kernels=(*map(_kernel, sizes[:-1]), *[3] * same),
        strides=(*[2] * halved, *[1] * same),
        paddings=(1,) * (halved + same),
    )


def upsampling(shape: tuple[int, ...], width: int) -> Layers:
    """Returns the transposed convolutions that make an image of this shape from 1x1, `downsampling` reversed.

    width: the channels of the second-to-last layer. They double with each layer before it, up to eight times as many.
    Raises ValueError if the shape is not an image's.
    """
    read, sizes = downsampling(shape, width), _sizes(shape)
    doubled, same = len(sizes) - 1, len(read.widths) - (len(sizes) - 1)
    return Layers(
        widths=read.widths[::-1],
        kernels=(_whole(sizes[-1]), *map(_kernel, sizes[-2::-1]), *[3] * same),
        strides=(1, *[2] * doubled, *[1] * same),
        paddings=(0, *[1] * (doubled + same)),
    )


def doubled(width: int, layers: int) -> tuple[int, ...]:
    """Returns the channels of each layer: twice as many in each next one, up to 8 times `width`."""
    return tuple(width * min(2**number, MOST_TIMES) for number in range(layers))


def chosen(automatic: Layers, widths: Numbers, kernels: Kernels, strides: Numbers, paddings: Numbers) -> Layers:
    """Returns the given lists, with those that are 'auto' replaced by automatic ones.

    Raises ValueError for other text.
    """
    given = {"widths": widths, "kernels": kernels, "strides": strides, "paddings": paddings}
    if wrong := [name for name, values in given.items() if isinstance(values, str) and values != AUTO]:
        is_given = f"{wrong[0]} is {given[wrong[0]]!r}"
        raise ValueError(f"{is_given}: it must be {AUTO!r} or a list with an entry for each layer")
    lists: dict[str, Any] = {name: tuple(values) for name, values in given.items() if values != AUTO}
    return automatic._replace(**lists)


def smallest(shape: tuple[int, ...], stages: int, name: str = "widths") -> tuple[int, int]:
    """Returns the sides of an image (h, w, c) at the smallest of these stages, each half the size of the next.

    name: the field that sets the number of stages. Raises ValueError if there are none, or if the sides are not whole
    numbers.
    """
    check_least(stages, f"the number of {name}")
    factor = 2 ** (stages - 1)
    if len(shape) != 3 or shape[0] % factor or shape[1] % factor:
        size = "x".join(map(str, shape))
        raise ValueError(f"examples of {size} are not images whose sides are multiples of {factor}: use fewer {name}")
    return shape[0] // factor, shape[1] // factor


def check_least(value: int, name: str, least: int = 1) -> None:
    """Raises ValueError where the value of this name is below the least one."""
    if value < least:
        raise ValueError(f"{name} is {value}: it must be at least {least}")


def _sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Returns the sizes of an image that is halved, rounding up, from its own to the smallest."""
    if len(shape) != 3:
        raise ValueError(f"convolutions need images [h, w, c], not examples of shape {tuple(shape)}")
    sizes = [(shape[0], shape[1])]
    while min(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _kernel(size: tuple[int, int]) -> Kernel:
    """Returns the kernel that halves an image of this size with stride 2 and padding 1; transposed, it makes one."""
    return _whole((3 if size[0] % 2 else 4, 3 if size[1] % 2 else 4))


def _whole(size: tuple[int, int]) -> Kernel:
    return size[0] if size[0] == size[1] else size
