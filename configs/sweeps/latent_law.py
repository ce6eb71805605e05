"""The distribution of latents: uniform or normal, of 8 or 32 values.

python scripts/sweep.py --sweep=configs/sweeps/latent_law.py --workdir=runs/latent_law
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import grid
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Two distributions times two sizes; 5 seeds of configs/digits_dcgan.py."""
    cells = grid({"samplers.z.dim": [32, 8], "samplers.z.name": ["latents.uniform", "latents.normal"]})
    every = {"steps": 1_000, "evaluate_every_steps": 250, "checkpoint_every_steps": 1_000}
    metrics = [Metric("samples/frechet/digits-v1", "lower"), Metric("samples/recall/digits-v1", "higher")]
    return Sweep(load(CONFIGS / "digits_dcgan.py"), cells, Seeds(5), every, metrics=metrics)
