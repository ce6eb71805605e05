"""WGAN on MNIST: DCGAN's networks, RMSProp, five critic moves a round, the critic's weights clipped to [-0.01, 0.01].

python -m gan_jax.main --config=configs/mnist_wgan.py --workdir=runs/mnist_wgan

1,874 rounds, 10 epochs of the critic's moves, in 6 min 16 s on 2 CPU cores (2026-11-23). From rounds 40-100 to the last
100 the critic's estimate of the distance, up to its slope, falls from 0.075 to 0.039. Its samples:
configs/pictures/mnist_wgan.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.steps = 1_874  # 10 epochs of critic moves, 2 of generator moves
    config.steps_per_call = 10
    config.log_every_steps = 10
    config.sample_every_steps = 500
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.wasserstein"})
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 100}})
    common = {
        "norm": {"name": "BatchNorm", "momentum": 0.9, "epsilon": 1e-5},
        "activation": {"name": "leaky_relu", "negative_slope": 0.2},
        "init_std": 0.02,
    }
    generator = {
        "name": "dcgan.Generator",
        "widths": (128, 64, 32),  # 4x4, 7x7, 14x14, then the image, 28x28
        "kernels": (4, 3, 4, 4),
        "strides": (1, 2, 2, 2),
        "paddings": (0, 1, 1, 1),
        **common,
    }
    critic = {
        "name": "dcgan.Critic",
        "widths": (32, 64, 128),  # 14x14, 7x7, 4x4, then the score
        "kernels": (4, 4, 3),
        "strides": (2, 2, 2),
        "paddings": (1, 1, 1),
        **common,
    }
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    rmsprop = {"name": "rmsprop", "learning_rate": 2e-4, "decay": 0.99, "eps": 1e-8}
    config.players = ConfigDict(
        {
            "critic": player(rmsprop, updates_per_step=5, clip_weights=0.01),
            "generator": player(rmsprop),
        }
    )
    return config
