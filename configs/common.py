"""Blocks that several configs share. A config file imports them with `from configs.common import ...`."""

from collections.abc import Iterable
from typing import Any

from gan_jax.config import ConfigDict, defaults, player

BATCH_NORM = {"name": "BatchNorm", "momentum": 0.9, "epsilon": 1e-5}
DCGAN = {
    "norm": BATCH_NORM,
    "activation": {"name": "leaky_relu", "negative_slope": 0.2},
    "init_std": 0.02,
}
"""The norm, the activation and the initial weights of DCGAN's networks."""
RMSPROP = {"name": "rmsprop", "learning_rate": 2e-4, "decay": 0.99, "eps": 1e-8}
GAN_LOSSES = {
    "minimax": {"objective.name": "adversarial.minimax"},
    "non-saturating": {"objective.name": "adversarial.non_saturating"},
}
"""The cells of a sweep over the original GAN's two generator losses."""
WGAN = {
    "objective.name": "adversarial.wasserstein",
    "players.critic.optimizer": RMSPROP,
    "players.generator.optimizer": RMSPROP,
}
"""The changes that a WGAN makes to a GAN's config, besides the number of critic updates and the clipping of weights."""


def chosen(choices: str, known: Iterable[str]) -> set[str]:
    """Returns the comma-separated words of a config's argument. Raises ValueError for an unknown word."""
    words = {word for word in choices.split(",") if word}
    for word in sorted(words):
        check_choice(word, known)
    return words


def check_choice(choice: str, known: Iterable[str]) -> None:
    """Raises ValueError if a config's argument is not one of the known ones."""
    if choice not in known:
        raise ValueError(f"unknown choice {choice!r}: it must be one of {', '.join(map(repr, known))}")


def autoencoder_defaults() -> ConfigDict:
    """Returns the config that autoencoders on MNIST start from: pixels in [0, 1], batches of 100."""
    config = defaults()
    config.data.name = "mnist"
    config.data.range = (0.0, 1.0)
    config.batch_size = 100
    return config


def adam(learning_rate: float | dict[str, Any], b1: float = 0.5, b2: float | dict[str, Any] = 0.999) -> dict[str, Any]:
    """Returns an Adam block. Values are numbers or schedules; the momentum is DCGAN's by default."""
    return {"name": "adam", "learning_rate": learning_rate, "b1": b1, "b2": b2}


def cosine(init_value: float, steps: int) -> dict[str, Any]:
    """Returns a learning rate that falls from `init_value` to 0 over `steps` updates, along half a cosine."""
    return {"name": "cosine_decay_schedule", "init_value": init_value, "decay_steps": steps}


def half_constant(init_value: float, steps: int) -> dict[str, Any]:
    """Returns a learning rate that is constant for half of `steps` updates and then falls to 0, as in pix2pix."""
    return falling(init_value, steps // 2, begin=steps // 2)


def falling(init_value: float, steps: int, *, begin: int = 0) -> dict[str, Any]:
    """Returns a learning rate that is constant for `begin` updates, then falls linearly to 0 over `steps` updates."""
    return {
        "name": "linear_schedule",
        "init_value": init_value,
        "end_value": 0.0,
        "transition_steps": steps,
        "transition_begin": begin,
    }


def without_critic(config: ConfigDict, objective: str = "regression.l1") -> None:
    """Replaces an adversarial objective by L1 alone, the baseline for a generator with a known target."""
    config.objective = ConfigDict({"name": objective})
    del config.networks.critic, config.players.critic


def dcgan_networks(norm: dict[str, Any] = BATCH_NORM) -> dict[str, dict[str, Any]]:
    """Returns the generator and the critic of a DCGAN, both with this norm; layers follow from the image size."""
    return {
        "generator": {"name": "dcgan.Generator", "width": 32, **DCGAN, "norm": norm},
        "critic": {"name": "dcgan.Critic", "width": 32, **DCGAN, "norm": norm},
    }


def pacgan_networks(generator_std: float = 0.02, critic_std: float = 0.02) -> dict[str, dict[str, Any]]:
    """Returns the networks of PacGAN's experiments on points, with these standard deviations of initial weights."""
    generator = {
        "name": "pacgan.Generator",
        "widths": (400, 400, 400, 400),
        "norm": {"name": "BatchNorm", "momentum": 0.95, "epsilon": 1e-4},
        "activation": {"name": "relu"},
        "init_std": generator_std,
    }
    critic = {"name": "pacgan.Critic", "widths": (200, 200, 200), "pieces": 5, "init_std": critic_std}
    return {"generator": generator, "critic": critic}


def sample_metrics(**changed: Any) -> dict[str, Any]:
    """Returns an evaluator block: 10,000 samples against the test split, by a classifier's features, with 3 seeds.

    changed: fields that replace these.
    """
    return {
        "name": "samples.distribution",
        "metrics": ("frechet", "precision_recall", "density_coverage"),
        "features": "classifier",
        "samples": 10_000,
        "split": "test",
        "seeds": 3,
        **changed,
    }


def likelihood(samples: int) -> dict[str, Any]:
    """Returns an evaluator block: log-likelihood or ELBO of the test images, with `samples` posterior samples each."""
    return {"name": "likelihood.likelihood", "split": "test", "samples": samples}


def between(first: float, last: float, steps: int, name: str = "cosine") -> dict[str, Any]:
    """Returns a schedule from `first` to `last` over `steps` steps, by default along half a cosine."""
    return {
        "name": f"gan_jax.core.schedules:{name}",
        "init_value": first,
        "end_value": last,
        "transition_steps": steps,
    }


def r3gan(
    config: ConfigDict,
    *,
    images: float,
    gamma: tuple[float, float],
    stages: tuple[int, ...],
    classes: bool,
    half_life: float = 0.0,
    p: float = 0.0,
) -> None:
    """Sets the objective, networks and players of R3GAN's presets, Huang et al. 2025, arXiv:2501.05441.

    These change over the first `images` images, along half a cosine: gamma, which is the weight of both gradient
    penalties times 2; the learning rate, down to a quarter; Adam's b2, from 0.9 to 0.99; and, where given, the
    half-life of the generator's average, from 0 to `half_life` images, and the probability of augmentation, from 0 to
    `p`. `stages` are the networks' widths, from the smallest resolution on. Set the batch size first.
    """
    updates = round(images / config.batch_size)
    penalty = {"weight": between(gamma[0] / 2, gamma[1] / 2, updates)}
    config.objective = ConfigDict({"name": "adversarial.r3gan", "critic": {"r1": penalty, "r2": penalty}})
    if p:
        colours = dict.fromkeys(("brightness", "contrast", "lumaflip", "hue", "saturation"), 0.5)
        pipeline = {"name": "ada", "p": between(0.0, p, updates), "factors": {**colours, "cutout": 1.0}}
        config.objective.augment = ConfigDict(pipeline)
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 64}})
    prefix = ("Conditional", "Projection") if classes else ("", "")
    sizes = {"widths": stages, "blocks": 2, "group": 2 * stages[0] // 96}
    config.networks = ConfigDict(
        {
            "generator": {"name": f"r3gan.{prefix[0]}Generator", **sizes},
            "critic": {"name": f"r3gan.{prefix[1]}Critic", **sizes},
        }
    )
    if classes:
        config.samplers.label = {"name": "labels.uniform"}
        config.networks.generator.embedding = 64
    optimizer = adam(between(2e-4, 5e-5, updates), b1=0.0, b2=between(0.9, 0.99, updates))
    average: dict[str, Any] = {}
    if half_life:
        decay = between(0.0, half_life / config.batch_size, updates, "half_life")
        average = {"ema": decay, "ema_warmup": "none"}
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, **average)})


def stylegan2(
    config: ConfigDict,
    *,
    widths: tuple[int, ...],
    layers: int,
    features: int,
    group: int,
    gamma: float,
    learning_rate: float,
    half_life: float,
) -> None:
    """Sets the objective, networks and players of StyleGAN2, Karras et al. 2020, arXiv:1912.04958.

    `widths` are those of the networks' stages, from the smallest resolution on. `layers` and `features` are those of
    the mapping network, `group` is the critic's group size, and gamma is R1's weight times 2. The half-life of the
    generator's average is in images. Set the batch size first. Penalties are part of a step's loss here. The authors
    make separate updates for them, and lower the learning rates a little to make up for that.
    """
    config.objective = ConfigDict({"name": "adversarial.stylegan2", "critic": {"r1": gamma / 2}})
    noise = {"name": "latents.noise"}
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": features}, "noise": noise})
    mapping = {"layers": layers, "features": features, "style_mixing": 0.9, "psi": 1.0}
    config.networks = ConfigDict(
        {
            "generator": {"name": "stylegan2.Generator", "widths": widths, **mapping},
            "critic": {"name": "stylegan2.Critic", "widths": widths, "group": group},
        }
    )
    optimizer, ema = adam(learning_rate, b1=0.0, b2=0.99), 0.5 ** (config.batch_size / half_life)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=ema)})
