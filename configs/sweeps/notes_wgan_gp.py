"""The cost of two mistakes in WGAN-GP, alone and both: a sigmoid after the critic, and one real batch per step.

python scripts/sweep.py --sweep=configs/sweeps/notes_wgan_gp.py --workdir=runs/notes_wgan_gp

Like configs/ablations/notes_wgan_gp.py, but on the digits with the networks of configs/digits_dcgan.py.
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """The paper's form, each mistake alone, and both; 5 seeds."""
    base = load(CONFIGS / "digits_dcgan.py")
    critic = {**base.networks.critic.to_dict(), "norm": {"name": "InstanceNorm", "epsilon": 1e-5}}
    paper = {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 10.0}}
    sigmoid = {"networks.critic": {**critic, "last_activation": {"name": "sigmoid"}}}
    one_batch = {"step_rule.name": "alternating_on_one_batch"}
    cells = {
        "the paper's": {},
        "sigmoid": sigmoid,
        "one real batch": one_batch,
        "both": {**sigmoid, **one_batch},
    }
    common = {
        "steps": 300,
        "objective": paper,
        "networks.critic": critic,
        "players.critic.updates_per_step": 5,
        "sample_every_steps": 100,
        "evaluate_every_steps": 100,
        "checkpoint_every_steps": 100,
    }
    metrics = [Metric("samples/frechet/digits-v1", "lower"), Metric("samples/recall/digits-v1", "higher")]
    curves = [Curve("samples/frechet/digits-v1"), Curve("critic/input_gradient_norm"), Curve("generator/gradient_norm")]
    return Sweep(base, named(cells), Seeds(5), common, metrics=metrics, curves=curves)
