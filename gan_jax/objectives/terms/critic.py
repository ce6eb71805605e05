"""Terms of a critic's loss: `Forward -> Outcome`."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import random

from gan_jax.core import diagnostics
from gan_jax.core.collectives import example_keys, mean
from gan_jax.core.fields import stream
from gan_jax.core.objective import Outcome
from gan_jax.distributions import augment
from gan_jax.losses import adversarial, penalties
from gan_jax.objectives.forward import Forward, Remembering
from gan_jax.objectives.terms.classes import cross_entropy, given, overall_mean

__all__ = [
    "auxiliary",
    "bce",
    "consistency",
    "gradient_penalty",
    "hinge",
    "least_squares",
    "lecam",
    "r1",
    "r2",
    "relativistic",
    "relativistic_average",
    "supervised",
    "wasserstein",
]


def bce(forward: Forward) -> Outcome:
    """Returns the binary cross-entropy of real and fake scores: `losses.adversarial.critic_bce`."""
    return Outcome(adversarial.critic_bce(forward.real_scores, forward.fake_scores))


def hinge(forward: Forward) -> Outcome:
    """Returns the hinge loss of real and fake scores: `losses.adversarial.critic_hinge`."""
    return Outcome(adversarial.critic_hinge(forward.real_scores, forward.fake_scores))


def least_squares(forward: Forward) -> Outcome:
    """Returns the squared distances of scores from 1 (real) and 0 (fake): `losses.adversarial.critic_least_squares`."""
    return Outcome(adversarial.critic_least_squares(forward.real_scores, forward.fake_scores))


def wasserstein(forward: Forward) -> Outcome:
    """Returns minus the estimate of the Wasserstein distance: `losses.adversarial.critic_wasserstein`."""
    return Outcome(adversarial.critic_wasserstein(forward.real_scores, forward.fake_scores))


def relativistic(forward: Forward) -> Outcome:
    """Returns the loss of pairs, in which each real example should score above its fake: `losses.adversarial`."""
    return Outcome(adversarial.critic_relativistic(forward.real_scores, forward.fake_scores))


def relativistic_average(forward: Forward) -> Outcome:
    """Returns the loss against the other kind's mean score: `losses.adversarial.critic_relativistic_average`."""
    means = overall_mean(forward.real_scores), overall_mean(forward.fake_scores)
    return Outcome(adversarial.critic_relativistic_average(forward.real_scores, forward.fake_scores, *means))


def auxiliary(forward: Forward, *, fakes: float = 1.0) -> Outcome:
    """Returns the cross-entropy of the classes of real examples, and `fakes` times that of fakes: [b].

    Odena et al. 2016 (arXiv:1610.09585), equation 3. Needs a critic that gives logits, and the field `label`. The loss
    on fakes may reduce diversity; with `fakes` 0 only the generator has it. Raises ValueError for `fakes` below 0.
    """
    _check_fakes(fakes)
    real, accuracy = cross_entropy(forward, forward.real_logits)
    return Outcome(real + fakes * cross_entropy(forward, forward.fake_logits)[0], {"class_accuracy": accuracy})


def supervised(forward: Forward) -> Outcome:
    """Returns -log p(class | x) [b] in nats of the labelled examples that a batch has besides its unlabelled `x`.

    Salimans et al. 2016 (arXiv:1606.03498), section 5, L_supervised. Needs a critic that gives logits, and the fields
    `labelled` [b, ...] and `labelled_class` [b, classes], 1 at the class, from data with few labels.
    """
    if not {"labelled", "labelled_class"} <= {*forward.batch}:
        raise ValueError(
            "the term `supervised` needs labelled examples besides unlabelled ones: set config.data.labels_per_class"
        )
    logits = given(forward.logits(forward.batch["labelled"], "labelled"), "supervised")
    target = forward.batch["labelled_class"]
    accuracy = (logits.argmax(-1) == target.argmax(-1)).mean()
    return Outcome(optax.softmax_cross_entropy(logits, target), {"labelled_accuracy": accuracy})


def consistency(forward: Forward, *, fraction: float = 0.125, fakes: float = 1.0) -> Outcome:
    """Returns (D(x) - D(T(x)))^2 of real examples, plus `fakes` times that of fakes: `losses.penalties.consistency`.

    For a patch critic D is the mean of its scores, because T moves the content of each patch. T flips images and moves
    them by up to `fraction` of their size, with reflected edges. Weight 10 in Zhao et al. 2020 (arXiv:2002.04724), bCR;
    with `fakes=0` it is CR-GAN (Zhang et al. 2019, arXiv:1910.12027). Raises ValueError where examples are not images,
    for a fraction outside of [0, 1], or `fakes` below 0.
    """
    _check_fakes(fakes)
    if forward.real.ndim != 4:
        raise ValueError("the term `consistency` needs images: use data of images")
    pairs = (("real", forward.real, forward.real_scores), ("fake", forward.fake, forward.fake_scores))
    real, fake = (
        penalties.consistency(
            _means(scores), _means(forward.score(_moved(stream(forward.key, name), x, fraction), name))
        )
        for name, x, scores in pairs
    )
    return Outcome(real + fakes * fake)


def gradient_penalty(forward: Forward, *, epsilon: float = 1e-12) -> Outcome:
    """Returns (|gradient| - 1)^2 between real and fake examples, weight 10 in the paper: `losses.penalties`."""
    keys = example_keys(forward.key, len(forward.real))
    values, norm = penalties.gradient_penalty(
        forward.per_example_score, keys, forward.real, forward.fake, epsilon=epsilon
    )
    return Outcome(values, _norms("input", norm))


def r1(forward: Forward, *, epsilon: float = 1e-12) -> Outcome:
    """Returns |gradient|^2 at real examples, whose weight is the paper's gamma / 2: `losses.penalties.r1`."""
    values, norm = penalties.r1(partial(forward.summed_score, like="real"), forward.real, epsilon=epsilon)
    return Outcome(values, _norms("real", norm))


def r2(forward: Forward, *, epsilon: float = 1e-12) -> Outcome:
    """Returns |gradient|^2 at fakes, whose weight is the paper's gamma / 2: `losses.penalties.r2`."""
    values, norm = penalties.r2(partial(forward.summed_score, like="fake"), forward.fake, epsilon=epsilon)
    return Outcome(values, {"fake_gradient_norm": norm.mean()})


def _lecam(forward: Forward, *, decay: float = 0.99) -> Outcome:
    """Returns the squared distance of scores from the moving average of the other kind's: `losses.penalties.lecam`.

    The averages' decay is `decay`, 0.99 in the paper. In the first update they are set to the batch's own means, and
    the term is 0. Weight 0.3 in the paper's experiments with BigGAN. Raises ValueError for a decay outside of [0, 1).
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay is {decay}: it must be at least 0 and below 1")
    carry = forward.carry
    values = penalties.lecam(forward.real_scores, forward.fake_scores, carry["lecam_real"], carry["lecam_fake"])
    first = carry["lecam_begun"] == 0
    kept = jnp.where(first, 0.0, decay)
    means = {"lecam_real": mean(forward.real_scores.mean()), "lecam_fake": mean(forward.fake_scores.mean())}
    after = {name: kept * carry[name] + (1 - kept) * value for name, value in means.items()}
    return Outcome(jnp.where(first, 0.0, values), carry={**after, "lecam_begun": jnp.ones_like(carry["lecam_begun"])})


lecam = Remembering(_lecam, {"lecam_real": 0.0, "lecam_fake": 0.0, "lecam_begun": 0.0})


def _moved(key: jax.Array, x: jax.Array, fraction: float) -> jax.Array:
    """Returns images [b, h, w, c] flipped or not, and moved by whole pixels, each with its own key."""
    flip, move = augment.horizontal_flip(), augment.translation(fraction)

    def one(key: jax.Array, image: jax.Array) -> jax.Array:
        flip_key, move_key = random.split(key)
        return move(move_key, flip(flip_key, image))

    return jax.vmap(one)(example_keys(key, len(x)), x)


def _means(scores: jax.Array) -> jax.Array:
    """Returns the mean score of each example: [b, ...] -> [b]."""
    return scores.reshape(len(scores), -1).mean(1)


def _check_fakes(fakes: float) -> None:
    if not fakes >= 0:
        raise ValueError(f"fakes is {fakes}: it must be at least 0")


def _norms(where: str, norm: jax.Array) -> dict[str, jax.Array]:
    return {f"{where}_gradient_norm": norm.mean(), f"{where}_gradient_norm_max": diagnostics.largest(norm)}


OF_CLASSES = auxiliary, supervised
"""Losses of the class logits that a critic gives besides its scores."""
WITHOUT_SIGN = wasserstein, relativistic, relativistic_average, least_squares
"""Losses for which a score's sign does not tell real from fake: of differences, or with targets of 1 and 0."""
