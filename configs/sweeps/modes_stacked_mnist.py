"""Four objectives on stacked MNIST, 1,000 modes, at an equal budget of steps: modes found, and how evenly.

python scripts/sweep.py --sweep=configs/sweeps/modes_stacked_mnist.py --workdir=runs/modes_stacked_mnist

Networks and falling learning rates are those of configs/stacked_mnist_r3gan.py, over a quarter of its steps. The critic
has batch norm, no norm or spectral norm, as the objective allows, and the b1 and b2 of the objective's paper. Each
player is updated once a step.
"""

from configs.common import BATCH_NORM
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    base = load(f"{CONFIGS / 'stacked_mnist_r3gan.py'}:10000")
    critic = base.networks.critic.to_dict()
    cells = {
        "non-saturating": {
            "objective": {"name": "adversarial.non_saturating"},
            "networks.critic.norm": BATCH_NORM,
            **_betas(0.5, 0.999),
        },
        "WGAN-GP": {"objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 10.0}}},
        "hinge + SN": {
            "objective": {"name": "adversarial.hinge"},
            "networks.critic": critic | {"kernel_norm": {"name": "SpectralNorm"}},
        },
        "R3GAN": {},
    }
    metrics = [
        Metric("samples/modes_found/mnist-v1", "higher"),
        Metric("samples/modes_reverse_kl/mnist-v1", "lower"),
    ]
    return Sweep(
        base,
        named(cells),
        Seeds(3, at_once=1),
        metrics=metrics,
        curves=[Curve(metric.name) for metric in metrics],
        baseline="non-saturating",
    )


def _betas(b1: float, b2: float) -> dict[str, float]:
    return {
        f"players.{player}.optimizer.{name}": value
        for player in ("critic", "generator")
        for name, value in (("b1", b1), ("b2", b2))
    }
