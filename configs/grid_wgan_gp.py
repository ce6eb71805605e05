"""WGAN-GP on the 2D-grid: the networks of configs/grid_gan.py, and a critic that is moved five times a round.

python -m gan_jax.main --config=configs/grid_wgan_gp.py --workdir=runs/grid_wgan_gp
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "grid"
    config.steps = 8_000
    config.batch_size = 100
    config.rounds_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 1_000
    config.checkpoint_every_steps = 5_000

    config.objective = ConfigDict(
        {"name": "adversarial.wasserstein_gp", "penalty_weight": 0.1}
    )  # as the paper's code for points
    config.latent = ConfigDict({"name": "normal", "dim": 2})
    generator = {
        "name": "pacgan.Generator",
        "widths": (400, 400, 400, 400),
        "norm": {"name": "BatchNorm", "momentum": 0.95, "epsilon": 1e-4},
        "activation": {"name": "relu"},
        "init_std": 0.07,  # sqrt(2 / 400): He et al. 2015
    }
    critic = {"name": "pacgan.Critic", "widths": (200, 200, 200), "pieces": 5, "init_std": 0.1}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    config.players = ConfigDict(
        {"critic": player(_adam(5 * config.steps), repeats=5), "generator": player(_adam(config.steps))}
    )
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config


def _adam(moves: int) -> dict:
    """Adam whose learning rate falls to zero over a player's moves, so that points come to rest on their modes."""
    rate = {"name": "cosine_decay_schedule", "init_value": 5e-4, "decay_steps": moves}
    return {"name": "adam", "learning_rate": rate, "b1": 0.5, "b2": 0.9}
