"""Relativistic pairs with R1 and R2 on stacked MNIST, 1,000 modes: DCGAN's generator, a critic without norm.

python -m gan_jax.main --config=configs/stacked_mnist_r3gan.py --workdir=runs/stacked_mnist_r3gan

Not run to its end yet. With networks half as wide, after 4,000 steps: 858 of 1,000 modes, a reverse KL of 1.21 nats,
one seed, 25 min on 2 CPU cores shared with much other work (2026-11-27).
"""

from configs.common import adam, dcgan_networks, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "stacked_mnist"
    config.steps = 5_000
    config.steps_per_call = 20
    config.log_every_steps = 20
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    gamma = 1.0
    config.objective = ConfigDict({"name": "adversarial.r3gan", "critic": {"r1": gamma / 2, "r2": gamma / 2}})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 64}})
    config.networks = ConfigDict(dcgan_networks())
    config.networks.critic.norm = ConfigDict({"name": "NoNorm"})  # gradient penalties are of single examples
    optimizer = adam(2e-4, b1=0.0, b2=0.99)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.999)})
    config.evaluate_every_steps = 1_000
    config.evaluators = ConfigDict({"samples": sample_metrics(metrics=("mode_coverage",), samples=26_000, seeds=1)})
    return config
