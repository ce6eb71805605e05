"""Four objectives on the digits at an equal budget of images shown to the critic.

python scripts/sweep.py --sweep=configs/sweeps/objectives_digits.py --workdir=runs/objectives_digits

The Wasserstein objectives update their critic five times a step, and so train for a fifth of the steps.
"""

from configs.common import GAN_LOSSES, WGAN
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep

STEPS, UPDATES = 2_000, 5


def get_sweep() -> Sweep:
    """Minimax, non-saturating, WGAN and WGAN-GP; 5 seeds."""
    fewer = {"steps": STEPS // UPDATES, "players.critic.updates_per_step": UPDATES}
    cells = {
        **GAN_LOSSES,
        "WGAN": {
            **WGAN,
            "players.critic.clip_weights": 0.01,
            **fewer,
        },
        "WGAN-GP": {
            "objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 10.0}},
            "networks.critic.norm": {"name": "InstanceNorm", "epsilon": 1e-5},  # per-example gradients
            **fewer,
        },
    }
    common = {"steps": STEPS, "evaluate_every_steps": 200, "sample_every_steps": 400, "checkpoint_every_steps": 400}
    distance = Metric("samples/frechet/digits-v1", "lower")
    metrics = [distance, Metric("samples/precision/digits-v1", "higher"), Metric("samples/recall/digits-v1", "higher")]
    return Sweep(
        load(CONFIGS / "digits_dcgan.py"),
        named(cells),
        Seeds(5),
        common,
        metrics=metrics,
        curves=[*(Curve(metric.name) for metric in metrics), Curve("generator/gradient_norm")],
        baseline="non-saturating",
    )
