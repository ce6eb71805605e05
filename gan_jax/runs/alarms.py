"""Alarms: signs in a run's logged rows that training is failing, and the usual remedies.

A rule looks at the medians of the last STRETCH rows, so that a single bad batch does not trigger an alarm. It
applies after 2 STRETCH rows and SETTLED steps, because the first steps are not representative, and only if all of its
terms are logged. A value that is still improving does not count as a failure. A value that is not finite triggers an
alarm at once.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from typing import NamedTuple

from gan_jax.runs.rows import Row

STRETCH = 10
"""Rows: a few percent of a run, at the configs' logging periods."""
SETTLED = 300
"""Steps: during the first ones all fakes look alike, and differ from real examples (DCGAN, 5 runs on MNIST)."""
SURE, WIDE = 0.98, 10.0
"""Lower bounds for a critic that is too strong: its accuracy, and the gap between its scores, in logits.

At a gap of 10, such as from 5 to -5, D(x) is 0.993 and D(G(z)) is 0.007. The minimax loss's gradient with respect to a
score is then 0.007 of its maximum.
"""
VANISHED, TELLS = 0.01, 0.8
"""Bounds for a vanished gradient: the generator's gradient norm as a share of the largest at the run's beginning, and
the critic's least accuracy. If the critic cannot recognise fakes, small gradients are right.

The critic's own gradient is not used: it vanishes with the critic's loss, and thus wherever a loss saturates.
"""
UNEQUAL = 1000.0
"""One player's gradient norm as a multiple of the other's. Above it, no range of learning rates suits both."""
SLACK, STEEP = 0.75, 5.0
"""Bounds for gradient norms that a penalty pulls to 1: the distance of their mean from 1, and their maximum.

On MNIST, WGAN-GP's mean reaches 1.6 and its maximum 2 while the critic is far ahead (steps 50 to 100 of 5 runs).
"""
SAME, REPEATED, AWAY = 0.5, 0.5, 0.06
"""Bounds for fakes: the least diversity, the least nearest-neighbor ratio, the largest mean gap.

Two batches of 64 real MNIST images have about 1, 1 and 0. Fakes of 2 of the 10 classes have nearly the full diversity,
but a mean gap of 0.03 to 0.2, above 0.06 for three quarters of the 45 pairs. Fakes that are one image per class have a
nearest-neighbor ratio as low as 0.2.
"""
EMPTY = 0.1
"""Least KL divergence of a VAE's posterior from its prior, in nats: 0.14 bits are almost no information.

The four VAEs of configs/ have more than 13 nats from step 100 on, and about 25 at the end.
"""
BETTER = 0.8
"""A falling value is improving if it is at most this share of its value half-way through the run so far."""


class Alarm(NamedTuple):
    """A sign of failure in a run.

    Attributes:
        name: the rule's name.
        first: the step of the first row whose medians over the last STRETCH rows satisfy its rule.
        last: the last step at which its rule held.
        words: the explanation and the usual remedies.
    """

    name: str
    first: int
    last: int
    words: str

    def __str__(self) -> str:
        """Returns the alarm as one line."""
        steps = f"step {self.first}" if self.first == self.last else f"steps {self.first} to {self.last}"
        return f"alarm: {self.name}, {steps}: {self.words}"


class Rule(NamedTuple):
    """A rule that recognises a failing run by its rows.

    Attributes:
        name: the alarm's name.
        terms: the metrics that the rule needs.
        holds: `(now, before, start) -> bool`. `now` has the medians of the last STRETCH rows, `before` those of as many
            rows up to half-way, and `start` the maxima of the run's first rows.
        words: the explanation and the usual remedies.
    """

    name: str
    terms: tuple[str, ...]
    holds: Callable[[Row, Row, Row], bool]
    words: str


def find(rows: Iterable[Row]) -> list[Alarm]:
    """Returns the alarms triggered by the rows of a metrics.jsonl, in order."""
    return list(Monitor(rows).alarms.values())


class Monitor:
    """Finds the alarms of a growing list of rows.

    Attributes:
        alarms: the alarms triggered so far, by name.
    """

    def __init__(self, rows: Iterable[Row] = ()):
        self.alarms: dict[str, Alarm] = {}
        self._last: deque[Row] = deque(maxlen=STRETCH)  # rows, with only the rules' terms
        self._medians: list[Row] = []  # after each row, those of the last rows
        self._start: Row = {}  # the maxima of the first rows
        for row in rows:
            self.update(row)

    def update(self, row: Row) -> list[Alarm]:
        """Adds the next row. Returns the alarms that it triggers for the first time."""
        suspect = not math.isfinite(sum(row.values()))  # a fast test of the whole row; a sum may overflow too
        if suspect and (broken := [name for name, value in row.items() if not math.isfinite(value)]):
            signs = [(BROKEN.name, f"{', '.join(broken)}. {BROKEN.words}")]
        else:
            signs = [(rule.name, rule.words) for rule in self._rules_that_hold(row)]
        step, new = int(row["step"]), []
        for name, words in signs:
            if name not in self.alarms:
                new.append(Alarm(name, step, step, words))
            self.alarms[name] = self.alarms.get(name, Alarm(name, step, step, words))._replace(last=step)
        return new

    def _rules_that_hold(self, row: Row) -> list[Rule]:
        """Adds a row. Returns the rules that hold for the last rows."""
        self._last.append({name: row[name] for name in TERMS if name in row})
        self._medians.append(now := _each(median, self._last))
        half = len(self._medians) // 2
        if len(self._medians) == STRETCH:
            self._start = _each(max, self._last)
        if half < STRETCH or row["step"] < SETTLED:
            return []
        start, before = self._start, self._medians[half - 1]
        logged = {*now}.intersection(before, start)
        return [rule for rule in RULES if logged.issuperset(rule.terms) and rule.holds(now, before, start)]


def _each(statistic: Callable[[list[float]], float], rows: Iterable[Row]) -> Row:
    """Returns `statistic` of each term that all of the rows have."""
    first, *others = rows
    return {name: statistic([row[name] for row in rows]) for name in {*first}.intersection(*others)}


def _vanished(now: Row, before: Row, start: Row) -> bool:
    del before
    small = now["generator/gradient_norm"] <= VANISHED * start["generator/gradient_norm"]
    return small and now["critic/accuracy"] >= TELLS


def _unequal(now: Row, before: Row, start: Row) -> bool:
    del before, start
    generator, critic = now["generator/gradient_norm"], now["critic/gradient_norm"]
    return max(generator, critic) > UNEQUAL * min(generator, critic)


def _low(term: str, least: float, now: Row, before: Row, start: Row) -> bool:
    del start
    return now[term] < least and BETTER * now[term] <= before[term]  # 0 is no better than 0


def _high(term: str, most: float, now: Row, before: Row, start: Row) -> bool:
    del start
    return now[term] > most and now[term] > BETTER * before[term]


BROKEN = Rule(
    "not finite",
    (),
    lambda now, before, start: False,  # tested on single rows
    "These values have overflowed. If one of them is a loss, the run ends. Usual remedies: a lower learning rate, "
    "gradient clipping (players.NAME.clip_gradients), or removing divisions by 0 and logarithms of 0 from the loss.",
)
RULES = (
    Rule(
        "the critic is too strong",
        ("critic/accuracy", "critic/gap"),
        lambda now, before, start: now["critic/accuracy"] >= SURE and now["critic/gap"] >= WIDE,
        "The critic separates fakes from real examples almost perfectly, so its gradient tells the generator little. "
        "Usual remedies: a lower critic learning rate, a smaller critic, dropout or label smoothing, a gradient "
        "penalty (adversarial.non_saturating_r1), or a Wasserstein loss, for which a strong critic is desirable.",
    ),
    Rule(
        "the generator's gradient has vanished",
        ("generator/gradient_norm", "critic/accuracy"),
        _vanished,
        "The gradient norm has fallen to a hundredth of its initial value, although the critic recognises the fakes: "
        "the generator no longer learns. The minimax loss saturates in this way when the critic is confident. Usual "
        "remedies: adversarial.non_saturating or a Wasserstein loss, and a weaker critic.",
    ),
    Rule(
        "the players' gradients are unequal",
        ("generator/gradient_norm", "critic/gradient_norm"),
        _unequal,
        "The gradient norm of one player is a thousand times that of the other. Usual remedies: a different "
        "initialization, rescaled losses, a separate learning rate for each player, or another loss.",
    ),
    Rule(
        "the fakes have collapsed",
        ("generator/diversity",),
        partial(_low, "generator/diversity", SAME),
        "The fakes have less than half the spread of real examples: they all resemble one image. Usual remedies: lower "
        "learning rates, a restart from an earlier checkpoint, a Wasserstein loss or a gradient penalty "
        "(adversarial.non_saturating_r1), or a critic that sees several examples at once (PacGAN).",
    ),
    Rule(
        "the fakes repeat themselves",
        ("generator/nearest_neighbor_ratio",),
        partial(_low, "generator/nearest_neighbor_ratio", REPEATED),
        "Among 16 fakes the nearest two are less than half as far apart as among real examples: the generator repeats "
        "a few images, for example one per class. Usual remedies: the same as for collapsed fakes: lower learning "
        "rates, a Wasserstein loss or a gradient penalty (adversarial.non_saturating_r1), or PacGAN.",
    ),
    Rule(
        "the posterior has collapsed",
        ("autoencoder/kl",),
        partial(_low, "autoencoder/kl", EMPTY),
        "The latents carry almost no information (KL(q(z | x) || p(z)) is below 0.1 nats), and samples and "
        "reconstructions all look alike. Usual remedies: a lower beta, beta rising from 0 (annealing), free bits, a "
        "likelihood with a smaller noise scale, a weaker decoder, or a lower learning rate.",
    ),
    Rule(
        "kinds of examples are missing",
        ("generator/mean_gap",),
        partial(_high, "generator/mean_gap", AWAY),
        "The mean of the fakes differs from that of real examples: some kinds of examples are too rare, or all fakes "
        "share the same error. Usual remedies: inspect the samples, and measure classes and modes (evaluators).",
    ),
    Rule(
        "the critic's gradients are not 1",
        ("critic/gradient_penalty", "critic/input_gradient_norm", "critic/input_gradient_norm_max"),
        lambda now, before, start: (
            now["critic/input_gradient_norm"] > 0  # 0 in rows of steps without a lazy penalty
            and (abs(now["critic/input_gradient_norm"] - 1) > SLACK or now["critic/input_gradient_norm_max"] > STEEP)
        ),
        "The penalty does not keep the gradient norms near 1, so critic/distance does not estimate a distance. Usual "
        "remedies: a larger penalty weight (objective.critic.gradient_penalty), more critic updates per step "
        "(players.critic.updates_per_step), or a lower critic learning rate.",
    ),
)
TERMS = sorted({term for rule in RULES for term in rule.terms})
"""The metrics that rules need."""
