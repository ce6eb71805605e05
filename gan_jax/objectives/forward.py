"""The types of loss terms: what terms are given, and terms that remember."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

import jax

from gan_jax.core.fields import Batch
from gan_jax.core.objective import Frozen, Outcome
from gan_jax.core.state import Carry, Tree

COMPARING = ("MinibatchStd",)
"""Layers that mix examples, but are allowed with terms of the gradient of summed scores: see `summed_score`."""


class Score(Protocol):
    """The critic as a function of examples: `(x [b, ...], like="score") -> scores [b, ...]`.

    `like` names the random stream of augmentation, dropout and noise: "real" and "fake" give those of `real_scores`
    and `fake_scores`.
    """

    def __call__(self, x: jax.Array, like: str = "score") -> jax.Array:
        """Returns raw scores."""
        ...


def _one_way(image: jax.Array) -> jax.Array:
    raise ValueError("this term needs a generator of the reverse direction: use the objective cycle.cycle_gan")


def _unknown(*_: Any) -> Any:
    raise ValueError("this term needs the generator as a function: move it to the generator's loss")


class Forward(NamedTuple):
    """One forward pass, on the batch of one update.

    Attributes:
        batch: the batch's fields, among them the real examples `x` [b, ...].
        fake: the generator's examples [b, ...].
        real_scores, fake_scores: the critic's raw scores [b, ...], in training mode.
        score: the critic as a function of x, with the batch's other fields and augmentation. No statistics change.
        mixing: returns the names of the critic's layers whose output for one example depends on the others.
        key: a random stream for this term alone.
        step: the number of steps trained so far, int32 [].
        params: the parameters of the player whose loss this is.
        carry: what the player's terms remember, and the params of their frozen networks, by name.
        real_logits, fake_logits: the critic's logits of the classes [b, classes]; None if it gives none.
        logits: `(x, like) -> logits [b, classes]`, for other examples; None if the critic gives none.
        features: `(x, like) -> tree of arrays [b, ...]`, what the critic's method `features` returns.
        translate: the generator in training mode, as a function of its field `source` [b, ...]; for the
            generator's own terms.
        embed: the same for the generator's method `features`. Each call has the same random numbers.
        back: the generator that makes sources from `x`, if there is one.
        extras: the generator's other outputs by name, for terms of its own loss.
        style_gradient: `(batch [n, ...], y [n, ...]) -> [n, ...]`, for a term of the generator: y' J for the fake of
            each example of the batch. J is its Jacobian with respect to the output of the generator's method `styles`.
    """

    batch: Batch
    fake: jax.Array
    real_scores: jax.Array
    fake_scores: jax.Array
    score: Score
    mixing: Callable[[], list[str]]
    key: jax.Array
    step: jax.Array
    params: Tree
    carry: Carry
    real_logits: jax.Array | None
    fake_logits: jax.Array | None
    logits: Callable[[jax.Array, str], jax.Array | None]
    features: Callable[[jax.Array, str], Tree]
    translate: Callable[[jax.Array], jax.Array] = _unknown
    embed: Callable[[jax.Array], Tree] = _unknown
    back: Callable[[jax.Array], jax.Array] = _one_way
    extras: Mapping[str, jax.Array] = MappingProxyType({})
    style_gradient: Callable[[Batch, jax.Array], jax.Array] = _unknown

    @property
    def real(self) -> jax.Array:
        """The real examples [b, ...]."""
        return self.batch["x"]

    @property
    def per_example_score(self) -> Score:
        """`score`, for terms that use its per-example gradients.

        Raises ValueError where the critic has layers that mix examples, because there is no such gradient then.
        """
        return self._without_mixing("there are no per-example gradients to penalise")

    @property
    def summed_score(self) -> Score:
        """`score`, for terms that use the gradient of the batch's summed scores, such as R1 and R2.

        If the critic scores each example by itself, this is the gradient of each score. Layers of `COMPARING` are
        allowed too. They add a statistic of a group, so that an example's gradient is that of its group's scores, as
        in the code of the papers that have both (Karras et al. 2020, arXiv:1912.04958). Raises ValueError for other
        layers that mix examples. Those that divide by the batch's statistics may hide any gradient from the penalty:
        a linear layer after a batch norm has the same summed scores for every batch.
        """
        return self._without_mixing("the gradient of summed scores is not that of each score", COMPARING)

    def _without_mixing(self, why: str, allowed: tuple[str, ...] = ()) -> Score:
        if layers := [name for name in self.mixing() if name not in allowed]:
            raise ValueError(
                f"the critic has {', '.join(layers)}, which mixes the examples of a batch: {why}; use another "
                "networks.critic.norm, such as InstanceNorm or NoNorm, or networks.critic.group=0 for MinibatchStd"
            )
        return self.score


Term: TypeAlias = Callable[..., Outcome]
"""`Forward -> Outcome`; its other parameters are keyword arguments that a config can set."""


class Reconstruction(NamedTuple):
    """The inputs of a loss term of an autoencoder: one forward pass.

    Attributes:
        batch: the batch's fields, among them the clean examples `x` [b, ...].
        recon: their reconstructions [b, ...].
        key: a random stream for this term alone.
        step: the number of steps trained so far, int32 [].
        carry: what the terms remember, and the params of their frozen networks, by name.
    """

    batch: Batch
    recon: jax.Array
    key: jax.Array
    step: jax.Array
    carry: Carry


class Remembering(NamedTuple):
    """A term that remembers: `fn` is the term, and `first` its carry before the first update, by name.

    `frozen` are the params of the frozen networks that it uses, by name. For a term that is not computed at each
    step, `lazy` is the term itself, `every` and `after`.
    """

    fn: Term
    first: Carry
    frozen: Mapping[str, Tree] = MappingProxyType({})
    lazy: tuple[Term, int, int] | None = None

    @property
    def __signature__(self) -> inspect.Signature:
        """The term's own signature, which defines the arguments that a config can set."""
        return inspect.signature(self.fn)

    def __call__(self, forward: Forward, **arguments: Any) -> Outcome:
        """Returns the term's outcome."""
        return self.fn(forward, **arguments)


class LastOutputs(Frozen):
    """A frozen network whose `apply` gives its last outputs before their ReLU, `(params, x) -> [b, h', w', c]`.

    A term gets one through an argument of this type, and LPIPS through an argument of the type `Frozen`.
    """
