"""Two players: a generator that makes fakes, and a critic (discriminator) that tells them from real examples.

Each loss is a weighted sum of named terms (`terms/critic.py`, `terms/generator.py`). Published GANs are presets of
`adversarial`: each sets its terms, their weights, and metrics of scores that suit them.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from gan_jax.core.fields import Samplers
from gan_jax.core.networks import Networks
from gan_jax.core.objective import Objective, Prediction, Predictions
from gan_jax.objectives.augment.base import CriticAugment
from gan_jax.objectives.game import CRITIC, EVALUATION, GENERATOR, Model
from gan_jax.objectives.players import critic_loss, generator_loss, init_critics, init_generator
from gan_jax.objectives.score_metrics import ScoreMetrics, distance, probabilities
from gan_jax.objectives.terms import critic as of_critic
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.weighted import Terms, Weighted, eager, frozen, function, lazily, weights_of

__all__ = [
    "acgan",
    "adversarial",
    "cut",
    "hinge",
    "hinge_lecam",
    "inpainting",
    "least_squares",
    "minimax",
    "non_saturating",
    "non_saturating_r1",
    "pix2pix",
    "r3gan",
    "relativistic",
    "relativistic_average",
    "semi_supervised",
    "stylegan2",
    "wasserstein",
    "wasserstein_gp",
]


def adversarial(
    *,
    networks: Networks,
    samplers: Samplers = MappingProxyType({}),
    critic: Terms,
    generator: Terms,
    score_metrics: ScoreMetrics = distance,
    scales: Mapping[str, int] = MappingProxyType({}),
    augment: CriticAugment | None = None,
    predict_as: str = EVALUATION,
) -> Objective:
    """Returns the game of the networks `generator` and `critic`, with these terms in the two players' losses.

    The generator makes `x` [b, ...] from the fields that its arguments are named after, such as `z` and `label`, or a
    `source` in the data. The critic takes `x`, and other fields by its arguments' names. It returns raw scores
    [b, ...], or `{"scores": [b, ...], "logits": [b, classes]}`. The critic is updated first; it logs
    `score_metrics(real_scores, fake_scores)`.

    Further critics are networks whose names start with `critic_`. One player owns all critics, and each term is the
    mean over them. `scales` are the factors by which a critic's images are downscaled, such as {"critic_half": 2} (Wang
    et al. 2018, arXiv:1711.11585, equation 3, where the terms are summed). `augment` changes all images that critics
    see in training (`augment/pipelines.py`); gradient penalties use gradients with respect to the images before it.

    The predictions include `sample` and `interpolate` if samplers draw everything that the generator takes, and
    otherwise `translate`. If a critic has a term for class logits, there is also `classify`. `predict_as` is one of
    `game.PREDICT_AS`. Raises ValueError for a negative weight, wrong scale or missing network.
    """
    critics = {role: network for role, network in networks.items() if role != GENERATOR}
    _check_roles(networks, critics, scales)
    weights = {CRITIC: weights_of(critic, CRITIC), GENERATOR: weights_of(generator, GENERATOR)}
    _check_augment(augment, critic, critics)
    model = Model(networks[GENERATOR], critics, samplers, scales, augment, predict_as)
    return Objective(
        init={CRITIC: init_critics(model, critic), GENERATOR: init_generator(model, generator)},
        losses={
            CRITIC: critic_loss(model, critic, weights[CRITIC], score_metrics),
            GENERATOR: generator_loss(model, generator, weights[GENERATOR]),
        },
        weights=weights,
        predictions={**model.predictions(), **_classify(model, critic)},
        samplers=samplers,
        makes=networks[GENERATOR].output_range,
        frozen={CRITIC: frozen(critic), GENERATOR: frozen(generator)},
    )


def _classify(model: Model, critic: Terms) -> Predictions:
    """Returns the prediction of classes if the critic has a term for them."""
    losses = [function(eager(each.term)[0]) for each in critic.values()]
    return {"classify": Prediction(model.classify)} if any(loss in of_critic.OF_CLASSES for loss in losses) else {}


def _check_roles(networks: Networks, critics: Networks, scales: Mapping[str, int]) -> None:
    if not {GENERATOR, CRITIC} <= {*networks} or not all(role.startswith(CRITIC) for role in critics):
        raise ValueError(
            f"the networks are {', '.join(networks)}: they must be `generator` and `critic`, and may include "
            "further critics whose names start with `critic_`"
        )
    for role, factor in scales.items():
        if role not in critics:
            raise ValueError(f"scales has {role!r}: its keys must be names of critics, {', '.join(critics)}")
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
            raise ValueError(f"scales.{role} is {factor!r}: it must be a whole number of at least 1")


def _check_augment(augment: CriticAugment | None, critic: Terms, critics: Networks) -> None:
    """Raises ValueError if an adaptive p would follow meaningless scores, or if changing only `x` is not enough."""
    losses = [function(eager(each.term)[0]) for each in critic.values()]
    begins = min((eager(each.term)[2] for each in critic.values()), default=0)
    if augment is not None and augment.first and begins:
        raise ValueError(
            "objective.augment: its p follows the scores of a critic that is trained, but all of the critic's terms "
            f"begin after {begins} steps or later: set p to a number or a schedule"
        )
    if augment is not None and augment.first and any(loss in of_critic.WITHOUT_SIGN for loss in losses):
        raise ValueError(
            "objective.augment: its p follows the sign of real scores, which does not tell real from fake with a "
            "critic's loss of differences or of squares: set p to a number or a schedule"
        )
    extra = {field for network in critics.values() for field in network.fields} - {"x", "label", "z"}
    changing = "objective.augment" if augment else "the term consistency" if of_critic.consistency in losses else ""
    if changing and extra:
        raise ValueError(
            f"{changing} changes only `x`, but the critic also sees {', '.join(sorted(extra))}: use config.augment"
        )


def _terms(player: Any, **weights: float) -> dict[str, Weighted]:
    return {name: Weighted(getattr(player, name), weight) for name, weight in weights.items()}


_of_logits = partial(adversarial, score_metrics=probabilities)

minimax = partial(_of_logits, critic=_terms(of_critic, bce=1.0), generator=_terms(of_generator, minimax=1.0))
"""min over G, max over D of E log D(x) + E log(1 - D(G(z))), in its original form: the generator's loss saturates."""

non_saturating = partial(
    _of_logits, critic=_terms(of_critic, bce=1.0), generator=_terms(of_generator, non_saturating=1.0)
)
"""The same critic against a generator that minimises -log D(G(z)): binary cross-entropy with flipped labels."""

non_saturating_r1 = partial(
    _of_logits, critic=_terms(of_critic, bce=1.0, r1=10.0), generator=_terms(of_generator, non_saturating=1.0)
)
"""The same with R1, which pulls the gradients at real examples to 0: Mescheder et al. 2018, arXiv:1801.04406.

The weight is that of the authors' code."""

pix2pix = partial(
    _of_logits, critic=_terms(of_critic, bce=0.5), generator=_terms(of_generator, non_saturating=1.0, l1=100.0)
)
"""Translation of a `source` to its paired `x`: Isola et al. 2017, arXiv:1611.07004, equation 4, lambda 100.

The critic's loss is halved, as in the paper's code. Use `translation.UNet` and `translation.PairCritic`."""

inpainting = partial(
    _of_logits,
    critic=_terms(of_critic, bce=0.5),
    generator=_terms(of_generator, non_saturating=1.0, hole_l1=20.0, valid_l1=20.0),
)
"""Inpainting, with one L1 term in the hole and one around it: Yu et al. 2019, arXiv:1806.03589, section 3.5.

The weights are ours. The critic sees the filled picture. Use `translation.Completion` and `translation.PatchCritic`."""

cut = partial(
    adversarial,
    critic=_terms(of_critic, least_squares=1.0),
    generator=_terms(of_generator, least_squares=2.0, nce=0.5, identity_nce=0.5),
)
"""Unpaired translation: each patch of a translation must be recognised as that of its source. Park et al. 2020,
arXiv:2007.15651, equation 5; the weights are those of the authors' code (their squares have no factor 1/2).

Use `translation.ContrastiveResNet` and `translation.PatchCritic`."""

wasserstein = partial(
    adversarial, critic=_terms(of_critic, wasserstein=1.0), generator=_terms(of_generator, wasserstein=1.0)
)
"""min over G, max over f of E f(x) - E f(G(z)): the critic's player must bound f's gradients with `clip_weights`.

Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875, algorithm 1. `critic/distance` estimates the distance, up to the
gradient norm that the clipped weights allow."""

wasserstein_gp = partial(
    adversarial,
    critic=_terms(of_critic, wasserstein=1.0, gradient_penalty=10.0),
    generator=_terms(of_generator, wasserstein=1.0),
)
"""The same with a penalty that pulls gradient norms to 1: Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1."""

hinge = partial(adversarial, critic=_terms(of_critic, hinge=1.0), generator=_terms(of_generator, hinge=1.0))
"""The hinge loss of scores around 0: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""

least_squares = partial(
    adversarial, critic=_terms(of_critic, least_squares=1.0), generator=_terms(of_generator, least_squares=1.0)
)
"""LSGAN: squared distances of real scores from 1 and of fake scores from 0. Mao et al. 2017, arXiv:1611.04076."""

relativistic = partial(
    adversarial, critic=_terms(of_critic, relativistic=1.0), generator=_terms(of_generator, relativistic=1.0)
)
"""The critic wants a real example to score above its fake, the generator the reverse: Jolicoeur-Martineau 2018,
arXiv:1807.00734 (RpGAN)."""

relativistic_average = partial(
    adversarial,
    critic=_terms(of_critic, relativistic_average=1.0),
    generator=_terms(of_generator, relativistic_average=1.0),
)
"""The same against the mean score of the other kind, as in ESRGAN: Jolicoeur-Martineau 2018 (RaSGAN)."""

r3gan = partial(
    adversarial,
    critic=_terms(of_critic, relativistic=1.0, r1=0.025, r2=0.025),
    generator=_terms(of_generator, relativistic=1.0),
)
"""The relativistic pairing loss with R1 and R2: R3GAN, Huang et al. 2025, arXiv:2501.05441, equations 2 to 4.

Both weights are gamma / 2; gamma is 0.05 at first on CIFAR-10, 2 on FFHQ-64, 150 on FFHQ-256, 1 on ImageNet-64, and
falls to a tenth over the run: use schedules."""

stylegan2 = partial(
    _of_logits,
    critic={**_terms(of_critic, bce=1.0), "r1": Weighted(lazily(of_critic.r1, every=16), 5.0)},
    generator={
        **_terms(of_generator, non_saturating=1.0),
        "path_length": Weighted(lazily(of_generator.path_length, every=4), 2.0),
    },
)
"""StyleGAN2: R1 at every 16th step and path length regularisation at every 4th, for a generator with styles.

Karras et al. 2020, arXiv:1912.04958, section 3 and appendix B. The weight of R1 is gamma / 2; gamma is 10 for faces of
1024x1024, and 1 for those of 256x256 in the authors' later code."""

hinge_lecam = partial(
    adversarial, critic=_terms(of_critic, hinge=1.0, lecam=0.3), generator=_terms(of_generator, hinge=1.0)
)
"""The hinge loss for few examples: scores are pulled towards moving averages of the other kind's scores. Tseng et al.
2021, arXiv:2104.03310."""

acgan = partial(
    _of_logits,
    critic=_terms(of_critic, bce=1.0, auxiliary=1.0),
    generator=_terms(of_generator, non_saturating=1.0, auxiliary=1.0),
)
"""Both players want examples to be classified correctly, by a critic that gives logits: `dcgan.AuxiliaryCritic`.

Odena et al. 2016, arXiv:1610.09585, equations 2 and 3."""

semi_supervised = partial(
    _of_logits,
    critic=_terms(of_critic, bce=0.5, supervised=1.0),
    generator=_terms(of_generator, feature_matching=1.0),
)
"""A classifier learns from few labelled examples, and from many unlabelled ones by telling them from fakes.

Its score is log Z = log sum exp of its logits, so that D = Z / (Z + 1) is their sigmoid: `semi_supervised.Critic`.
Salimans et al. 2016, arXiv:1606.03498, section 5; weights are those of the authors' code. It needs
data with few labels: set config.data.labels_per_class."""
