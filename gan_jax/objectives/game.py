"""The networks of an adversarial game as functions: a generator, and one or more critics, which are one player."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from gan_jax.core.fields import Batch, Samplers, fill_each, stream, streams
from gan_jax.core.networks import Network, Networks, mixing_layers
from gan_jax.core.objective import Prediction
from gan_jax.core.state import Carry, Player, Players, Tree
from gan_jax.objectives.augment.base import CriticAugment

GENERATOR, CRITIC = "generator", "critic"
EVALUATION = "evaluation"
PREDICT_AS = EVALUATION, "training"
"""The modes in which generators predict: evaluation, or training, with dropout and each example's own statistics.

pix2pix does the latter (Isola et al. 2017, arXiv:1611.07004, section 3.3)."""


class Made(NamedTuple):
    """A generator's outputs: fakes [b, ...], and other outputs by name, for terms of its loss."""

    x: jax.Array
    extras: Mapping[str, jax.Array]


class Judged(NamedTuple):
    """A critic's outputs for examples: raw scores [b, ...], and logits of the classes [b, classes] or None."""

    scores: jax.Array
    logits: jax.Array | None


class Model(NamedTuple):
    """The networks, and samplers of the fields that a batch may lack.

    Attributes:
        generator: makes `x`, alone or in a mapping with other outputs.
        critics: by role: `critic`, and others whose names start with `critic_`. Together they are one player. If there
            are several, its parameters and statistics are by role.
        samplers: draw the fields that a batch may lack.
        scales: by role, the number by which images' height and width are divided before the critic sees them.
        augment: changes all that critics see in training. An adaptive strength is in their player's carry.
        predict_as: one of PREDICT_AS.
    """

    generator: Network
    critics: Networks
    samplers: Samplers
    scales: Mapping[str, int] = MappingProxyType({})
    augment: CriticAugment | None = None
    predict_as: str = EVALUATION

    def part(self, tree: Tree, role: str) -> Tree:
        """Returns a critic's part of the player's parameters or statistics."""
        return tree if len(self.critics) == 1 else tree[role]

    def joined(self, parts: Mapping[str, Tree]) -> Tree:
        """Returns the player's parameters or statistics from its critics' parts."""
        return parts[CRITIC] if len(self.critics) == 1 else dict(parts)

    def inputs(self, role: str, batch: Batch) -> Batch:
        """Returns the batch as a critic gets it, with images at the critic's scale."""
        factor = self.scales.get(role, 1)
        if factor == 1:
            return batch
        return {name: _smaller(batch[name], factor) for name in self.critics[role].fields if name in batch}

    def generate(self, params: Tree, stats: Tree, batch: Batch, key: jax.Array) -> tuple[jax.Array, Tree]:
        """Returns fakes in training mode, one for each example of the batch, and the generator's new stats."""
        made, stats = self.make(params, stats, batch, key)
        return made.x, stats

    def make(self, params: Tree, stats: Tree, batch: Batch, key: jax.Array) -> tuple[Made, Tree]:
        """Returns fakes and other outputs of the generator in training mode, and its new stats."""
        outputs, stats = self.generator.apply(params, stats, batch, train=True, key=stream(key, GENERATOR))
        return _made(outputs), stats

    def generator_functions(self, params: Tree, stats: Tree, batch: Batch, key: jax.Array) -> dict[str, Any]:
        """Returns `translate`, `embed` and `style_gradient` of `Forward`, functions of the generator in training."""

        def given(image: jax.Array) -> tuple[Tree, Tree, Batch]:
            if "source" not in self.generator.fields:
                raise ValueError("this term needs a generator that takes `source`, such as translation.ResNet")
            return params, stats, {**batch, "source": image}

        def translate(image: jax.Array) -> jax.Array:
            return _made(self.generator.apply(*given(image), train=True, key=stream(key, "translate"))[0]).x

        def style_gradient(some: Batch, y: jax.Array) -> jax.Array:
            return self.generator.style_gradient(params, stats, some, y, train=True, key=stream(key, GENERATOR))

        return {
            "translate": translate,
            "embed": lambda image: self.generator.features(*given(image), train=True, key=stream(key, "embed")),
            "style_gradient": style_gradient,
        }

    def judge(
        self, role: str, params: Tree, stats: Tree, batch: Batch, x: jax.Array, key: jax.Array
    ) -> tuple[Judged, Tree]:
        """Returns a critic's outputs for x in training mode, given the batch's other fields, and its new stats."""
        outputs, stats = self.critics[role].apply(
            params, stats, self.inputs(role, {**batch, "x": x}), train=True, key=key
        )
        return _judged(outputs), stats

    def seen(self, player: Player, step: jax.Array, key: jax.Array) -> Callable[[jax.Array, str], jax.Array]:
        """Returns `(x, like) -> x`, which augments examples as all critics see them, with the random stream `like`."""
        augment = self.augment
        if augment is None:
            return lambda x, like: x
        p = augment.strength(player.carry, step)
        return lambda x, like: augment(stream(stream(key, like), "augment"), x, p)

    def look(
        self, role: str, player: Player, step: jax.Array, batch: Batch, fake: jax.Array, key: jax.Array, *, learns: bool
    ) -> tuple[dict[str, Any], Tree]:
        """Returns `(part, stats)`: a critic's view of an update, as fields of `Forward`, and the critic's new stats.

        If the critic `learns`, its running statistics are updated by both batches: first by the real examples, then
        by the fakes. Otherwise both batches are seen with the statistics as they are.
        """
        seen, key = self.seen(player, step, key), key if role == CRITIC else stream(key, role)
        params, first = self.part(player.params, role), self.part(player.stats, role)

        def judge(x: jax.Array, like: str, stats: Tree) -> tuple[Judged, Tree]:
            return self.judge(role, params, stats, batch, seen(x, like), stream(key, like))

        real_judged, after = judge(batch["x"], "real", first)
        fake_judged, after = judge(fake, "fake", after if learns else first)
        stats = after if learns else first

        def features(x: jax.Array, like: str) -> Tree:
            inputs = self.inputs(role, {**batch, "x": seen(x, like)})
            return self.critics[role].features(params, stats, inputs, train=True, key=stream(key, like))

        part = {
            "real_scores": real_judged.scores,
            "fake_scores": fake_judged.scores,
            "real_logits": real_judged.logits,
            "fake_logits": fake_judged.logits,
            "score": lambda x, like="score": judge(x, like, stats)[0].scores,
            "logits": lambda x, like: judge(x, like, stats)[0].logits,
            "features": features,
            "mixing": lambda: mixing_layers(self.critics[role], self.inputs(role, batch)),
            "key": key,
        }
        return part, after

    def predictions(self) -> dict[str, Prediction]:
        """Returns the predictions of trained players by name. Raises ValueError for an unknown `predict_as`."""
        if self.predict_as not in PREDICT_AS:
            raise ValueError(f"predict_as is {self.predict_as!r}: it must be one of {', '.join(PREDICT_AS)}")
        scores = {"scores": Prediction(self.scores)} if self.critics else {}
        observed = [name for name, sampler in self.samplers.items() if sampler.observes]
        if not {*self.generator.fields} <= {*self.samplers} - {*observed}:
            observe = {"observe": Prediction(self.observe)} if observed else {}
            return {"translate": Prediction(self.sample, makes="x"), **observe, **scores}
        return {
            "sample": Prediction(self.sample, makes="x"),
            "interpolate": Prediction(self.interpolate, makes="x"),
            **scores,
        }

    def sample(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns a fake for each key [n], given the fields of the batch; samplers draw the others."""
        player = players[GENERATOR]
        filled = fill_each(self.samplers, batch, keys)
        if self.predict_as == EVALUATION:
            return _made(self.generator.apply(player.params, player.stats, filled, train=False)[0]).x

        def one(key: jax.Array, fields: Batch) -> jax.Array:
            alone = {name: value[None] for name, value in fields.items()}
            return self.generate(player.params, player.stats, alone, key)[0][0]

        return jax.vmap(one)(keys, filled)

    def observe(self, players: Players, keys: jax.Array, batch: Batch) -> Batch:
        """Returns what samplers observe of the batch's examples, by field, such as a smaller copy of x."""
        del players
        filled = fill_each(self.samplers, batch, keys)
        return {name: filled[name] for name, sampler in self.samplers.items() if sampler.observes}

    def interpolate(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns fakes [n, m, ...] along a walk for each key, at `t` [n, m]: 0 at its start and 1 at its end.

        Only fields whose samplers can walk change; the others keep their values from the start.
        """
        t = batch["t"]
        given = {name: value for name, value in batch.items() if name != "t"}
        start, end = (fill_each(self.samplers, given, streams(keys, name)) for name in ("start", "end"))

        def along(name: str) -> jax.Array:
            sampler = self.samplers.get(name)
            if name in given or sampler is None or sampler.walk is None:
                return start[name][:, None].repeat(t.shape[1], axis=1)
            return sampler.walk(start[name], end[name], t[0])

        walks = {name: along(name) for name in start}
        return jax.vmap(lambda fields: self.sample(players, keys, fields), in_axes=1, out_axes=1)(walks)

    def scores(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the first critic's raw scores of the batch's `x`, in evaluation mode."""
        return self.classify(players, keys, batch).scores

    def classify(self, players: Players, keys: jax.Array, batch: Batch) -> Judged:
        """Returns the first critic's raw scores and class logits of the batch's `x`, in evaluation mode.

        What samplers observe of the examples is filled in where the batch lacks it.
        """
        batch = fill_each({name: each for name, each in self.samplers.items() if each.observes}, batch, keys)
        params, stats = (self.part(tree, CRITIC) for tree in players[CRITIC][:2])
        seen = self.inputs(CRITIC, batch)
        return _judged(self.critics[CRITIC].apply(params, stats, seen, train=False)[0])


def suffix(role: str) -> str:
    """Returns what is appended to the names of a critic's metrics and carry: `_half` for `critic_half`."""
    return role.removeprefix(CRITIC)


def own_carry(carry: Carry, role: str) -> Carry:
    """Returns the player's carry, with what terms remember for this critic by the terms' own names."""
    end = suffix(role)
    return {**carry, **{name.removesuffix(end): value for name, value in carry.items() if name.endswith(end)}}


def _made(outputs: Any) -> Made:
    """Returns a generator's fakes and other outputs, from fakes alone or from a mapping of `x` and others."""
    if not isinstance(outputs, Mapping):
        return Made(outputs, {})
    return Made(outputs["x"], {name: value for name, value in outputs.items() if name != "x"})


def _judged(outputs: Any) -> Judged:
    """Returns a critic's scores and logits, from scores alone or from a mapping of `scores` and `logits`."""
    return Judged(outputs["scores"], outputs["logits"]) if isinstance(outputs, Mapping) else Judged(outputs, None)


def _smaller(values: jax.Array, factor: int) -> jax.Array:
    """Returns images [b, h, w, c] as means over squares of pixels, [b, h / factor, w / factor, c]; others as they are.

    Raises ValueError where the factor does not divide the sizes.
    """
    if values.ndim != 4:
        return values
    b, h, w, c = values.shape
    if h % factor or w % factor:
        raise ValueError(
            f"objective.scales has {factor}, which does not divide images of {h}x{w}: use one that divides both "
            "sides, or another config.data.size"
        )
    return values.reshape(b, h // factor, factor, w // factor, factor, c).mean((2, 4))
