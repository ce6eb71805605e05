"""The saturation of log(1 - D): the generator's gradient against the critic's certainty, in training on the digits.

python scripts/sweep.py --sweep=configs/sweeps/saturation.py --workdir=runs/saturation

Minimax and non-saturating are compared, with a critic that is updated as often as the generator, and one that is
updated five times as often.
"""

from configs.common import GAN_LOSSES
from gan_jax.config import load
from gan_jax.sweeps.cells import grid, named, product
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Two generator losses with two strengths of the critic; 5 seeds."""
    common = {
        "steps": 500,
        "log_every_steps": 10,
        "sample_every_steps": 250,
        "evaluate_every_steps": 250,
        "checkpoint_every_steps": 250,
    }
    gradient, probability = "generator/gradient_norm", "critic/fake_probability"
    return Sweep(
        load(CONFIGS / "digits_dcgan.py"),
        product(named(GAN_LOSSES), grid({"players.critic.updates_per_step": [1, 5]})),
        Seeds(5),
        common,
        metrics=[Metric(gradient), Metric(probability), Metric("samples/frechet/digits-v1", "lower")],
        curves=[Curve(gradient, scale="log"), Curve(probability), Curve(gradient, probability, "log")],
    )
