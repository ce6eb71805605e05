"""The default: a small DCGAN on scikit-learn's 8x8 handwritten digits, which need no download.

python -m gan_jax.main --workdir=runs/demo

6,000 steps in 81 s on 2 CPU cores (2026-11-25); its samples: configs/pictures/digits_dcgan.png.
"""

from configs.common import DCGAN, adam, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.steps = 6_000
    config.steps_per_call = 100
    config.log_every_steps = 50
    config.sample_every_steps = 500
    config.checkpoint_every_steps = 2_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 32}})
    generator = {
        "name": "dcgan.Generator",
        "width": 64,  # for 8x8: 128 channels at 4x4, 64 at 8x8, then the image
        **DCGAN,
    }
    critic = {
        "name": "dcgan.Critic",
        "width": 32,  # two layers at 4x4, then the score: a stronger critic memorises these few digits
        **DCGAN,
    }
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    optimizer = adam(2e-4)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"samples": sample_metrics()})
    return config
