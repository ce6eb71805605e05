"""Four objectives on the 2D-grid, 25 Gaussians, at an equal budget of points shown to the critic: modes found and kept.

python scripts/sweep.py --sweep=configs/sweeps/objectives_grid.py --workdir=runs/objectives_grid

The networks, optimizers and measures of configs/grid_gan.py, after PacGAN's experiments (arXiv:1712.04086, table 1).
The Wasserstein ones, which move their critic five times a round and play a fifth of the rounds, have the first weights
of configs/grid_wgan_gp.py, and WGAN-GP its optimizers at a constant rate.
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep

ROUNDS, MOVES = 4_000, 5


def get_sweep() -> Sweep:
    """Minimax, non-saturating, WGAN and WGAN-GP; 10 seeds."""
    adam = {"name": "adam", "learning_rate": 5e-4, "b1": 0.5, "b2": 0.9}
    rmsprop = {"name": "rmsprop", "learning_rate": 2e-4, "decay": 0.99, "eps": 1e-8}
    dual = {
        "step_rule.name": "alternating",
        "networks.generator.init_std": 0.07,
        "networks.critic.init_std": 0.1,
        "players.critic.updates_per_step": MOVES,
        "steps": ROUNDS // MOVES,
        "evaluate_every_steps": 160,
    }
    cells = {
        "minimax": {"objective.name": "adversarial.minimax"},
        "non-saturating": {"objective.name": "adversarial.non_saturating"},
        "WGAN": {
            "objective.name": "adversarial.wasserstein",
            "players.critic.optimizer": rmsprop,
            "players.generator.optimizer": rmsprop,
            "players.critic.clip_weights": 0.05,
            **dual,
        },
        "WGAN-GP": {
            "objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 0.1}},
            "players.critic.optimizer": adam,
            "players.generator.optimizer": adam,
            **dual,
        },
    }
    common = {"steps": ROUNDS, "evaluate_every_steps": 800, "sample_every_steps": 800}
    metrics = [
        Metric("modes/found", "higher"),
        Metric("modes/high_quality", "higher"),
        Metric("modes/reverse_kl", "lower"),
    ]
    return Sweep(
        load(CONFIGS / "grid_gan.py"), named(cells), Seeds(10), common, metrics=metrics, baseline="non-saturating"
    )
