"""GAN on the 2D-ring: 8 Gaussians on the unit circle, by the networks and optimizers of PacGAN's experiments.

python -m gan_jax.main --config=configs/ring_gan.py --workdir=runs/ring_gan

40,000 rounds, a tenth of the paper's, in 8 min 32 s on 2 CPU cores, shared with other work (2026-11-23). Of 2,500
samples: all 8 modes from round 8,000 on; at the last round 72% of high quality and a reverse KL of 0.10 nats, and over
the last 20,000 rounds, in which the generator wanders, 72% to 95% (88% on average) and 0.09 to 0.21 (0.14). One seed.
The paper's GAN after 400,000 rounds, over 10 seeds: 6.3 +- 0.5 modes, 98.2%, 0.45 (arXiv:1712.04086, table 1).
Its samples and its critic: configs/pictures/ring_gan.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "ring"
    config.steps = 40_000  # 40 epochs; in the paper 400
    config.batch_size = 100
    config.steps_per_call = 200
    config.log_every_steps = 200
    config.sample_every_steps = 4_000
    config.evaluate_every_steps = 4_000
    config.checkpoint_every_steps = 10_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "simultaneous"
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 2}})
    generator = {
        "name": "pacgan.Generator",
        "widths": (400, 400, 400, 400),
        "norm": {"name": "BatchNorm", "momentum": 0.95, "epsilon": 1e-4},
        "activation": {"name": "relu"},
        "init_std": 0.02,
    }
    critic = {"name": "pacgan.Critic", "widths": (200, 200, 200), "pieces": 5, "init_std": 0.02}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    adam = {"name": "adam", "learning_rate": 1e-4, "b1": 0.8, "b2": 0.999}
    config.players = ConfigDict({"critic": player(adam), "generator": player(adam)})
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config
