"""The effect of bfloat16: the default config computed in float32 and in bfloat16, with float32 parameters in both.

python scripts/sweep.py --sweep=configs/sweeps/precision.py --workdir=runs/precision
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import grid
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Two precisions; 5 seeds of configs/digits_dcgan.py."""
    losses = [Metric("critic/loss"), Metric("generator/loss")]
    every = {"steps": 1_000, "log_every_steps": 10, "evaluate_every_steps": 500, "checkpoint_every_steps": 1_000}
    return Sweep(
        load(CONFIGS / "digits_dcgan.py"),
        grid({"dtype": ["float32", "bfloat16"]}),
        Seeds(5),
        every,
        metrics=[*losses, Metric("samples/frechet/digits-v1", "lower")],
        curves=[Curve(metric.name) for metric in losses],
    )
