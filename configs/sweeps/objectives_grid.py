"""Four objectives on the 2D-grid, 25 Gaussians, at an equal budget of points shown to the critic: modes found and kept.

python scripts/sweep.py --sweep=configs/sweeps/objectives_grid.py --workdir=runs/objectives_grid

Networks, optimizers and metrics are those of configs/grid_gan.py, after PacGAN's experiments (arXiv:1712.04086, table
1). The Wasserstein objectives update their critic five times a step and train for a fifth of the steps. They have the
initial weights of configs/grid_wgan_gp.py. WGAN-GP also has its optimizers, at a constant learning rate.
"""

from configs.common import GAN_LOSSES, WGAN, adam
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep

STEPS, UPDATES = 4_000, 5


def get_sweep() -> Sweep:
    """Minimax, non-saturating, WGAN and WGAN-GP; 10 seeds."""
    constant_rate = adam(5e-4, b2=0.9)
    dual = {
        "step_rule.name": "alternating",
        "networks.generator.init_std": 0.07,
        "networks.critic.init_std": 0.1,
        "players.critic.updates_per_step": UPDATES,
        "steps": STEPS // UPDATES,
        "evaluate_every_steps": 160,
    }
    cells = {
        **GAN_LOSSES,
        "WGAN": {
            **WGAN,
            "players.critic.clip_weights": 0.05,
            **dual,
        },
        "WGAN-GP": {
            "objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 0.1}},
            "players.critic.optimizer": constant_rate,
            "players.generator.optimizer": constant_rate,
            **dual,
        },
    }
    common = {"steps": STEPS, "evaluate_every_steps": 800, "sample_every_steps": 800}
    metrics = [
        Metric("modes/found", "higher"),
        Metric("modes/high_quality", "higher"),
        Metric("modes/reverse_kl", "lower"),
    ]
    return Sweep(
        load(CONFIGS / "grid_gan.py"), named(cells), Seeds(10), common, metrics=metrics, baseline="non-saturating"
    )
