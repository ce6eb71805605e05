"""Four objectives on stacked MNIST, 1,000 modes, at an equal budget of steps: modes found, and how evenly.

python scripts/sweep.py --sweep=configs/sweeps/modes_stacked_mnist.py --workdir=runs/modes_stacked_mnist

The networks of configs/stacked_mnist_r3gan.py. A critic has batch norm, none or spectral norm, as its objective allows;
its optimizer is that of the objective's paper. Each player is updated once a step.
"""

from configs.common import adam, dcgan_networks
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    cells = {
        "non-saturating": {
            "objective": {"name": "adversarial.non_saturating"},
            "networks.critic": dcgan_networks()["critic"],
            **_optimizers(adam(2e-4)),
        },
        "WGAN-GP": {
            "objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 10.0}},
            **_optimizers(adam(2e-4, b1=0.0, b2=0.9)),
        },
        "hinge + SN": {
            "objective": {"name": "adversarial.hinge"},
            "networks.critic": dcgan_networks({"name": "NoNorm"})["critic"] | {"kernel_norm": {"name": "SpectralNorm"}},
            **_optimizers(adam(2e-4, b1=0.0, b2=0.9)),
        },
        "R3GAN": {},
    }
    metrics = [
        Metric("samples/modes_found/mnist-v1", "higher"),
        Metric("samples/modes_reverse_kl/mnist-v1", "lower"),
    ]
    common = {"steps": 3_000, "evaluate_every_steps": 1_000, "checkpoint_every_steps": 1_000}
    return Sweep(
        load(CONFIGS / "stacked_mnist_r3gan.py"),
        named(cells),
        Seeds(3, at_once=1),
        common,
        metrics=metrics,
        curves=[Curve(metric.name) for metric in metrics],
        baseline="non-saturating",
    )


def _optimizers(block: dict) -> dict[str, dict]:
    return {f"players.{player}.optimizer": block for player in ("critic", "generator")}
