"""The order of updates, alternating or simultaneous, and the critic updates a step, at an equal budget of images.

python scripts/sweep.py --sweep=configs/sweeps/order_of_moves.py --workdir=runs/order_of_moves
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import grid, named, product
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep

STEPS = 1_000


def get_sweep() -> Sweep:
    """Two orders with 1, 2 and 5 critic updates; 5 seeds of configs/digits_dcgan.py."""
    orders = grid({"step_rule.name": ["alternating", "simultaneous"]})
    updates = {
        f"{n} critic update{'s' if n > 1 else ''}": {"players.critic.updates_per_step": n, "steps": STEPS // n}
        for n in (1, 2, 5)
    }
    every = {"sample_every_steps": 200, "evaluate_every_steps": 100, "checkpoint_every_steps": 200}
    metrics = [Metric("samples/frechet/digits-v1", "lower"), Metric("samples/recall/digits-v1", "higher")]
    base = load(CONFIGS / "digits_dcgan.py")
    return Sweep(base, product(orders, named(updates)), Seeds(5), every, metrics=metrics)
