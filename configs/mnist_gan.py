"""The simple GAN for handwritten digits: two fully connected networks, 20 epochs of MNIST.

python -m gan_jax.main --config=configs/mnist_gan.py --workdir=runs/mnist_gan

18,740 steps took 34 s in all on 2 CPU cores shared with other work (2026-11-25). The Fréchet distance is 27.9 by
mnist-v1 (floor 0.08), the precision 0.67 and the recall 0.19. Samples: configs/pictures/mnist_gan.png.
"""

from configs.common import adam, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "mnist"
    config.steps = 18_740  # 20 epochs
    config.steps_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.checkpoint_every_steps = 5_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "alternating_on_same_fakes"  # fakes are made once per step
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 20}})
    leaky_relu = {"name": "leaky_relu", "negative_slope": 0.01}
    generator = {"name": "mlp.Generator", "widths": (100,), "activation": leaky_relu}
    critic = {"name": "mlp.Critic", "widths": (100,), "activation": leaky_relu, "dropout": 0.5}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    optimizer = adam(1e-3)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"samples": sample_metrics()})
    return config
