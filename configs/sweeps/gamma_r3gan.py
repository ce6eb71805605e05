"""R3GAN's gamma in two phases: a search on validation data, then its best values with fresh seeds.

python scripts/sweep.py --sweep=configs/sweeps/gamma_r3gan.py --workdir=runs/gamma_r3gan

Gamma is the weight of R1 and R2 times 2. It depends on the data, so copy this file with your own base config and range
of values. Here the base is mnist_dcgan.py, with the relativistic loss, narrow networks and a critic without norm.
Values are chosen on 5,000 held-out training images, and evaluated on the test images with seeds that were not used for
the choice. Results: README.md, gamma_r3gan.
"""

from configs.common import adam, dcgan_networks
from gan_jax.config import load
from gan_jax.sweeps.cells import grid
from gan_jax.sweeps.plan import CONFIGS, Finals, Metric, Seeds, Sweep

HALVES = (0.005, 0.015, 0.05, 0.15, 0.5, 1.5, 5.0, 15.0)
"""gamma / 2: gamma is from 0.01 to 30, about a factor of 3 apart."""


def get_sweep() -> Sweep:
    """Eight values with one seed; five more seeds for the best 3."""
    weights = ("objective.critic.r1", "objective.critic.r2")
    how = {"name": "samples.distribution", "metrics": ("frechet",), "seeds": 1}
    optimizer = adam(2e-4, b1=0.0, b2=0.99)
    networks = dcgan_networks()
    networks["critic"]["norm"] = {"name": "NoNorm"}
    common = {
        "objective": {"name": "adversarial.r3gan", "critic": {"r1": 1.0, "r2": 1.0}},
        "networks": {role: network | {"width": 16} for role, network in networks.items()},
        "players.critic.optimizer": optimizer,
        "players.generator.optimizer": optimizer,
        "keep_best": "",
        "steps": 1_500,
        "evaluate_every_steps": 1_500,
        "checkpoint_every_steps": 1_500,
        "evaluators": {
            "validation": {**how, "split": "train[-5000:]", "samples": 5_000},
            "samples": {**how, "split": "test", "samples": 5_000},
        },
    }
    return Sweep(
        load(CONFIGS / "mnist_dcgan.py"),
        grid({weights: HALVES}),
        Seeds(1),
        common,
        metrics=[Metric("samples/frechet/mnist-v1", "lower")],
        finals=Finals(3, Metric("validation/frechet/mnist-v1", "lower"), Seeds(5, first=100)),
    )
