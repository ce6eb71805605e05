"""Relativistic pairs with R1 and R2 on stacked MNIST, 1,000 modes: DCGAN's generator, a wider critic without norm.

python -m gan_jax.main --config=configs/stacked_mnist_r3gan.py --workdir=runs/stacked_mnist_r3gan

40,000 steps in 36 min on one core of an AMD EPYC with AVX-512 (2026-11-28), one seed. Of 26,000 samples, by the MNIST
classifier channel by channel: 1,000 modes from 10,000 steps on; a reverse KL of 0.172 nats then, 0.084 after 20,000
steps and 0.083 at the end. Training images have 1,000 and 0.022, R3GAN's authors report 1,000 and 0.078 (Huang et al.
2025, arXiv:2501.05441). With a critic of width 16 (and no biases) the reverse KL was 0.50 after 15,000 steps.
`--config=configs/stacked_mnist_r3gan.py:10000` takes 10,000 steps, over which all rates fall. The sweep
modes_stacked_mnist compares it, in this form, with other objectives.
Its samples: configs/pictures/stacked_mnist_r3gan.png.
"""

from configs.common import adam, between, dcgan_networks, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config(steps: str = "40000") -> ConfigDict:
    """Returns the config of so many steps, over which gamma and the learning rate fall."""
    if not steps.isdecimal() or not int(steps):
        raise ValueError(f"{steps!r}: it must be the number of steps, such as 10000")
    config = defaults()
    config.data.name = "stacked_mnist"
    config.steps = int(steps)
    config.steps_per_call = 20
    config.log_every_steps = 20
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = config.checkpoint_every_steps = 5_000

    penalty = {"weight": between(0.05, 0.005, config.steps)}  # gamma / 2
    config.objective = ConfigDict({"name": "adversarial.r3gan", "critic": {"r1": penalty, "r2": penalty}})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 64}})
    config.networks = ConfigDict(dcgan_networks())
    config.networks.generator.width = 16  # a critic twice as wide finds the last modes
    config.networks.critic.norm = ConfigDict({"name": "NoNorm"})  # gradient penalties are of single examples
    optimizer = adam(between(5e-4, 2.5e-5, config.steps), b1=0.0, b2=0.9)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.999)})
    config.evaluators = ConfigDict({"samples": sample_metrics(metrics=("mode_coverage",), samples=26_000, seeds=1)})
    return config
