"""WGAN-GP on the 2D-grid: the networks of grid_gan, whose critic moves five times a round; penalty weight 0.1.

python -m gan_jax.main --config=configs/grid_wgan_gp.py --workdir=runs/grid_wgan_gp

8,000 rounds in 10 min 13 s on 2 CPU cores, shared with other work (2026-11-23). Of 2,500 samples at the last round: all
25 modes (at each of the evaluations from round 2,000 on), 48% of high quality, a reverse KL of 0.18 nats: no mode is
lost, but half of the points lie on the paths between modes. One seed. With the networks' 0.02 first weights, weight 10
and a constant rate of 1e-4 it had 18 modes and 3% after 3,000 rounds.
Its samples and its critic: configs/pictures/grid_wgan_gp.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "grid"
    config.steps = 8_000
    config.batch_size = 100
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 1_000
    config.checkpoint_every_steps = 5_000

    # The weight of the paper's own experiments on points (its code), a hundredth of that on images.
    config.objective = ConfigDict({"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 0.1}})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 2}})
    generator = {
        "name": "pacgan.Generator",
        "widths": (400, 400, 400, 400),
        "norm": {"name": "BatchNorm", "momentum": 0.95, "epsilon": 1e-4},
        "activation": {"name": "relu"},
        "init_std": 0.07,  # sqrt(2 / 400): He et al. 2015
    }
    critic = {"name": "pacgan.Critic", "widths": (200, 200, 200), "pieces": 5, "init_std": 0.1}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    generator_adam, critic_adam = _adam(config.steps), _adam(5 * config.steps)
    config.players = ConfigDict(
        {"critic": player(critic_adam, updates_per_step=5), "generator": player(generator_adam)}
    )
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config


def _adam(moves: int) -> dict:
    """Adam whose learning rate falls to zero over a player's moves, so that points come to rest on their modes."""
    rate = {"name": "cosine_decay_schedule", "init_value": 5e-4, "decay_steps": moves}
    return {"name": "adam", "learning_rate": rate, "b1": 0.5, "b2": 0.9}
