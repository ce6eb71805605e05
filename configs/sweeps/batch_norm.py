"""Batch norm in both networks of a DCGAN, in one, or in none.

python scripts/sweep.py --sweep=configs/sweeps/batch_norm.py --workdir=runs/batch_norm
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Returns batch norm in both, in one, and in none; 5 seeds of configs/digits_dcgan.py."""
    generator, critic = ({f"networks.{role}.norm": {"name": "NoNorm"}} for role in ("generator", "critic"))
    cells = {"both": {}, "generator's alone": critic, "critic's alone": generator, "none": {**generator, **critic}}
    every = {"steps": 1_000, "evaluate_every_steps": 250, "checkpoint_every_steps": 1_000}
    metrics = [Metric("samples/frechet/digits-v1", "lower"), Metric("samples/recall/digits-v1", "higher")]
    return Sweep(load(CONFIGS / "digits_dcgan.py"), named(cells), Seeds(5), every, metrics=metrics)
