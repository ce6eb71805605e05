"""What two slips of a widespread WGAN-GP cost, alone and both: a sigmoid after the critic, one real batch a round.

python scripts/sweep.py --sweep=configs/sweeps/notes_wgan_gp.py --workdir=runs/notes_wgan_gp

As configs/ablations/notes_wgan_gp.py, on the digits, with the networks of configs/digits_dcgan.py.
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import listed
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """The paper's form, each slip alone, and both; 5 seeds."""
    paper = {"name": "adversarial.wasserstein_gp", "penalty_weight": 10.0}
    sigmoid = {"objective": {**paper, "name": "adversarial.wasserstein_gp_of_probabilities"}}
    one_batch = {"order.name": "alternating_on_one_batch"}
    cells = {
        "the paper's": {},
        "sigmoid": sigmoid,
        "one real batch": one_batch,
        "both": {**sigmoid, **one_batch},
    }
    common = {
        "steps": 300,
        "objective": paper,
        "networks.critic.norm": {"name": "InstanceNorm", "epsilon": 1e-5},
        "players.critic.repeats": 5,
        "sample_every_steps": 100,
        "evaluate_every_steps": 100,
        "checkpoint_every_steps": 100,
    }
    metrics = [Metric("samples/frechet/digits-v1", "lower"), Metric("samples/recall/digits-v1", "higher")]
    curves = [Curve("samples/frechet/digits-v1"), Curve("critic/slope"), Curve("generator/gradient_norm")]
    base = load(CONFIGS / "digits_dcgan.py")
    return Sweep(base, listed(cells), Seeds(5), common, metrics=metrics, curves=curves)
