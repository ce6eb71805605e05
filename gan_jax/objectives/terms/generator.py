"""Terms of a generator's loss: `Forward -> Outcome`."""

import jax
import jax.numpy as jnp
from jax import lax, random

from gan_jax.core.collectives import example_keys
from gan_jax.core.objective import Frozen, Outcome
from gan_jax.losses import adversarial, contrastive, penalties, reconstruction
from gan_jax.objectives.forward import Forward, LastOutputs, Remembering
from gan_jax.objectives.terms.classes import cross_entropy, overall_mean, whole_batch

__all__ = [
    "auxiliary",
    "commitment",
    "cycle",
    "feature_l1",
    "feature_matching",
    "hinge",
    "hole_l1",
    "identity",
    "identity_nce",
    "l1",
    "l2",
    "least_squares",
    "lpips",
    "minimax",
    "nce",
    "non_saturating",
    "path_length",
    "perceptual",
    "relativistic",
    "relativistic_average",
    "valid_l1",
    "wasserstein",
]


def minimax(forward: Forward) -> Outcome:
    """Returns the generator's side of the value function, which saturates: `losses.adversarial.generator_minimax`."""
    return Outcome(adversarial.generator_minimax(forward.fake_scores))


def non_saturating(forward: Forward) -> Outcome:
    """Returns the cross-entropy with flipped labels: `losses.adversarial.generator_non_saturating`."""
    return Outcome(adversarial.generator_non_saturating(forward.fake_scores))


def hinge(forward: Forward) -> Outcome:
    """Returns minus the fakes' scores, the answer to a hinge critic: `losses.adversarial.generator_hinge`."""
    return Outcome(adversarial.generator_hinge(forward.fake_scores))


def least_squares(forward: Forward) -> Outcome:
    """Returns the squared distance of the fakes' scores from 1: `losses.adversarial.generator_least_squares`."""
    return Outcome(adversarial.generator_least_squares(forward.fake_scores))


def wasserstein(forward: Forward) -> Outcome:
    """Returns minus the fakes' scores, the generator's side of the distance: `losses.adversarial`."""
    return Outcome(adversarial.generator_wasserstein(forward.fake_scores))


def l1(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of each fake from its own real example, for generators with a target."""
    return Outcome(reconstruction.absolute_error(forward.fake, forward.real))


def l2(forward: Forward) -> Outcome:
    """Returns the mean squared difference of each fake from its own real example, for generators with a target."""
    return Outcome(reconstruction.squared_error(forward.fake, forward.real))


def hole_l1(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of each fake from its own real example in its hole, where `mask` is 1."""
    return Outcome(_masked_l1(forward.fake, forward.real, _mask(forward, "hole_l1")))


def valid_l1(forward: Forward) -> Outcome:
    """Returns the same around the hole, for the generator's `whole`: its output before the source replaces it there.

    Raises ValueError for a generator that returns no `whole`.
    """
    if "whole" not in forward.extras:
        raise ValueError("the term `valid_l1` needs a generator that fills holes: use translation.Completion")
    return Outcome(_masked_l1(forward.extras["whole"], forward.real, 1 - _mask(forward, "valid_l1")))


def commitment(forward: Forward) -> Outcome:
    """Returns the squared distance of a quantiser's vectors from their codes, mean over the values of a code.

    Van den Oord et al. 2017 (arXiv:1711.00937), equation 3, beta 0.25; the codes have no gradient. Raises ValueError
    for a generator without a quantiser.
    """
    if "commitment" not in forward.extras:
        raise ValueError("the term `commitment` needs a generator that quantises: use vq.Autoencoder")
    return Outcome(forward.extras["commitment"], {name: forward.extras[name] for name in ("perplexity", "used_codes")})


def cycle(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of each source from what `back` makes of its translation.

    Zhu et al. 2017 (arXiv:1703.10593), equation 2, weight 10.
    """
    return Outcome(reconstruction.absolute_error(forward.back(forward.fake), _field(forward, "source")))


def identity(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of each real example from its own translation.

    It keeps colours: Zhu et al. 2017, section 5.2, weight 5 in the authors' code.
    """
    return Outcome(reconstruction.absolute_error(forward.translate(forward.real), forward.real))


def nce(forward: Forward, *, temperature: float = 0.07) -> Outcome:
    """Returns the cross-entropy of finding the patch of the source that each patch of its translation comes from: [b].

    Park et al. 2020 (arXiv:2007.15651), equation 3: the mean over the generator's features. Negatives are the other
    patches of the same source.
    """
    return Outcome(_nce(forward, _field(forward, "source"), forward.fake, temperature))


def identity_nce(forward: Forward, *, temperature: float = 0.07) -> Outcome:
    """Returns `nce` of real examples and their own translations: Park et al. 2020, section 3."""
    return Outcome(_nce(forward, forward.real, forward.translate(forward.real), temperature))


def lpips(forward: Forward, *, network: Frozen, target: str = "x") -> Outcome:
    """Returns the perceptual distance of each fake from its example's field `target`: `metrics.lpips`.

    `network` is frozen: 'vgg16', the default, or 'alexnet'; see `features.lpips`.
    """
    return Outcome(network.apply(forward.carry[network.name], forward.fake, _field(forward, target)))


def perceptual(forward: Forward, *, network: LastOutputs, target: str = "x") -> Outcome:
    """Returns the mean absolute difference between a network's last outputs for each fake and its example's `target`.

    This is the content loss of SRGAN (Ledig et al. 2017, arXiv:1609.04802, section 2.2.1), with absolute differences of
    outputs before their ReLU as in ESRGAN (Wang et al. 2018, arXiv:1809.00219, section 3.3). `network` is 'vgg16', the
    default, with its conv5_3, or 'alexnet': see `features.lpips`.
    """
    params = forward.carry[network.name]
    fake, real = (network.apply(params, x) for x in (forward.fake, _field(forward, target)))
    return Outcome(reconstruction.absolute_error(fake, real))


def relativistic(forward: Forward) -> Outcome:
    """Returns the loss of pairs, in which each fake should score above its real example: `losses.adversarial`."""
    return Outcome(adversarial.generator_relativistic(forward.real_scores, forward.fake_scores))


def relativistic_average(forward: Forward) -> Outcome:
    """Returns the loss against the other kind's mean score: `losses.adversarial.generator_relativistic_average`."""
    means = overall_mean(forward.real_scores), overall_mean(forward.fake_scores)
    return Outcome(adversarial.generator_relativistic_average(forward.real_scores, forward.fake_scores, *means))


def auxiliary(forward: Forward) -> Outcome:
    """Returns the cross-entropy of the classes that fakes were made for: Odena et al. 2016, equation 3."""
    values, accuracy = cross_entropy(forward, forward.fake_logits)
    return Outcome(values, {"class_accuracy": accuracy})


def feature_matching(forward: Forward, *, absolute: bool = False) -> Outcome:
    """Returns |E f(x) - E f(G(z))|^2, with means over the global batch of the critic's `features` f.

    Salimans et al. 2016 (arXiv:1606.03498), section 3.1. With `absolute` it is the sum of absolute differences; their
    code for CIFAR-10 has the mean. Several arrays of features are summed over.
    """
    mean, distance = whole_batch("feature_matching"), jnp.abs if absolute else jnp.square
    sums = [distance(mean(real.mean(0)) - mean(fake.mean(0))).sum() for real, fake in _features(forward)]
    return Outcome(jnp.stack(sums).sum()[None])


def feature_l1(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of the critic's features of each fake and its own real example: [b].

    Wang et al. 2018 (arXiv:1711.11585), equation 4, weight 10: summed over the arrays of features. For generators with
    a target, like `l1`. The critic sees both with the same augmentation and dropout.
    """
    errors = [reconstruction.absolute_error(fake, real) for real, fake in _features(forward, fakes_like="real")]
    return Outcome(jnp.stack(errors).sum(0))


NEAR_TARGET = (l1, l2, lpips, perceptual, feature_l1)
"""Terms that compare each fake with its own real example, unless their `target` is another field."""


def _field(forward: Forward, name: str) -> jax.Array:
    """Returns a field of the batch; raises ValueError where it has no such field."""
    if name not in forward.batch:
        raise ValueError(f"this term needs the field {name!r}, but the batch has {', '.join(sorted(forward.batch))}")
    return forward.batch[name]


def _mask(forward: Forward, term: str) -> jax.Array:
    """Returns the batch's holes [b, h, w, 1]; raises ValueError where it has none."""
    if "mask" not in forward.batch:
        raise ValueError(f"the term `{term}` needs a hole: set config.samplers.mask, for example to masks.rectangles")
    return forward.batch["mask"]


def _masked_l1(x: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns the mean absolute difference [b] of the pixels of images [b, h, w, c] where mask [b, h, w, 1] is 1."""
    error = (jnp.abs(x - target) * mask).sum((1, 2, 3))
    return error / (jnp.maximum(mask.sum((1, 2, 3)), 1.0) * x.shape[-1])


def _nce(forward: Forward, image: jax.Array, made: jax.Array, temperature: float) -> jax.Array:
    """Returns the mean over features of `losses.contrastive.patch_nce`, from an image to what was made of it: [b]."""
    keys, queries = (jax.tree.leaves(forward.embed(each)) for each in (image, made))
    pairs = zip(queries, keys, strict=True)
    return jnp.stack([contrastive.patch_nce(*both, temperature=temperature).mean(1) for both in pairs]).mean(0)


def _path_length(forward: Forward, *, decay: float = 0.01, shrink: int = 2, epsilon: float = 1e-12) -> Outcome:
    """Returns (|J' y| - a)^2 for every `shrink`-th example: [b / shrink], `losses.penalties.path_length`.

    J is the Jacobian of an image with respect to its styles, and y ~ N(0, I), divided by the root of the number of
    pixels. a is the moving average of the lengths |J' y| before this update. It starts at 0, and each update replaces
    the share `decay` of it. Karras et al. 2020 (arXiv:1912.04958), section 3.2, have weight 2, every 4 steps and half
    of the examples; in their code a already includes the batch's own lengths.

    Raises ValueError for a decay outside of (0, 1], where `shrink` does not divide the examples, or where examples are
    not images.
    """
    n, shape = len(forward.fake), forward.fake.shape[1:]
    if not 0 < decay <= 1:
        raise ValueError(f"decay is {decay}: it must be above 0 and at most 1")
    if isinstance(shrink, bool) or not isinstance(shrink, int) or shrink < 1 or n % shrink:
        raise ValueError(f"shrink is {shrink}: it must divide the {n} examples of a batch that are computed at once")
    if len(shape) != 3:
        raise ValueError("the term `path_length` needs images: use data of images")
    some = {name: values[::shrink] for name, values in forward.batch.items()}
    y = jax.vmap(lambda key: random.normal(key, shape))(example_keys(forward.key, n)[::shrink])
    slopes = forward.style_gradient(some, y / (shape[0] * shape[1]) ** 0.5)
    average = forward.carry["path_length_average"]
    values, lengths = penalties.path_length(slopes, average, epsilon=epsilon)
    after = average + decay * (lax.stop_gradient(lengths).mean() - average)
    return Outcome(values, {"path_length_mean": lengths.mean()}, {"path_length_average": after})


path_length = Remembering(_path_length, {"path_length_average": 0.0})


def _features(forward: Forward, fakes_like: str = "fake") -> list[tuple[jax.Array, jax.Array]]:
    """Returns the critic's features of real examples, which have no gradients, and of fakes, array by array."""
    real, fake = (
        jax.tree.leaves(forward.features(x, like)) for x, like in ((forward.real, "real"), (forward.fake, fakes_like))
    )
    return list(zip(jax.lax.stop_gradient(real), fake, strict=True))
