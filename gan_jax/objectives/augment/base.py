"""The type of augmentations inside the game: random, differentiable changes of images, whose strength may adapt."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from gan_jax.core.collectives import example_keys, examples
from gan_jax.core.objective import Weight
from gan_jax.core.state import Carry

P, SIGNS, UPDATES = "augment_p", "augment_signs", "augment_updates"
"""Names of what the critic's player remembers for an adaptive strength."""


One: TypeAlias = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


class CriticAugment(NamedTuple):
    """An augmentation of all that the critic sees.

    Attributes:
        one: `(key, image [h, w, c], p []) -> image [h, w, c]`, for one example.
        strength: `(carry, step) -> p []`, the probability of each change.
        first: the initial value of its part of the critic's carry.
        adapt: `(carry, real scores [b, ...]) -> carry` after an update of the critic.
    """

    one: One
    strength: Callable[[Carry, jax.Array], jax.Array]
    first: Mapping[str, float] = MappingProxyType({})
    adapt: Callable[[Carry, jax.Array], Carry] = lambda carry, real_scores: {}

    def __call__(self, key: jax.Array, x: jax.Array, p: jax.Array) -> jax.Array:
        """Returns the augmented images [b, h, w, c], each by a key of its own."""
        return jax.vmap(self.one, (0, 0, None))(example_keys(key, len(x)), x, p)


def check_image(name: str, shape: tuple[int, ...], limits: tuple[float, float] | None) -> tuple[float, float]:
    """Returns the range of images of this shape; raises ValueError where examples are not images."""
    if len(shape) != 3 or limits is None:
        raise ValueError(f"{name} needs images [h, w, c]; this data set's examples have shape {tuple(shape)}")
    return limits


def fixed(p: Weight) -> Callable[[Carry, jax.Array], jax.Array]:
    """Returns a strength that is a number or a schedule of the step. Raises ValueError for one outside of [0, 1]."""
    if isinstance(p, int | float) and not 0 <= p <= 1:
        raise ValueError(f"p is {p}: a probability is at least 0 and at most 1")
    return lambda carry, step: jnp.float32(p(step) if callable(p) else p)


def adaptive(
    one: One, *, start: float = 0.0, target: float = 0.6, every: int = 4, speed: float = 500_000
) -> CriticAugment:
    """Returns the augmentation whose strength p follows r = E sign(D(x)) of real examples.

    After every `every` critic updates p moves by sign(r - target) times the images seen since, over `speed`, within
    [0, 1]. Karras et al. 2020 (arXiv:2006.06676), section 3 and equation 1: target 0.6, every 4, speed 500,000 images.
    The carry holds means over the global batch, so that a resumed run continues bit for bit.
    """
    if not 0 <= start <= 1:
        raise ValueError(f"start is {start}: a probability is at least 0 and at most 1")
    if not -1 <= target <= 1:
        raise ValueError(f"target is {target}: the mean sign of scores is at least -1 and at most 1")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every is {every}: it must be a whole number of updates, at least 1")
    if not speed > 0:
        raise ValueError(f"speed is {speed}: the number of images over which p goes from 0 to 1 must be above 0")

    def adapt(carry: Carry, real_scores: jax.Array) -> Carry:
        full = carry[UPDATES] >= every  # so p depends on earlier updates alone, and this one's part is a mean
        seen = every * examples(len(real_scores)) / speed
        moved = jnp.clip(carry[P] + jnp.sign(carry[SIGNS] / every - target) * seen, 0.0, 1.0)
        return {
            P: jnp.where(full, moved, carry[P]),
            SIGNS: jnp.where(full, 0.0, carry[SIGNS]) + jnp.sign(real_scores).mean(),
            UPDATES: jnp.where(full, 0.0, carry[UPDATES]) + 1.0,
        }

    first = {P: start, SIGNS: 0.0, UPDATES: 0.0}
    return CriticAugment(one, lambda carry, step: carry[P], first, adapt)
