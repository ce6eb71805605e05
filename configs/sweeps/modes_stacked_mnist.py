"""Four objectives on stacked MNIST, 1,000 modes, at an equal budget of steps: modes found, and how evenly.

python scripts/sweep.py --sweep=configs/sweeps/modes_stacked_mnist.py --workdir=runs/modes_stacked_mnist

The networks of configs/stacked_mnist_r3gan.py at half their width. A critic has batch norm, none or spectral norm, as
its objective allows; its optimizer is that of the objective's paper. Each player is updated once a step.
"""

from configs.common import BATCH_NORM, adam, dcgan_networks
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    critic, normed = (dcgan_networks(norm)["critic"] | {"width": 16} for norm in ({"name": "NoNorm"}, BATCH_NORM))
    cells = {
        "non-saturating": {
            "objective": {"name": "adversarial.non_saturating"},
            "networks.critic": normed,
            **_optimizers(adam(2e-4)),
        },
        "WGAN-GP": {
            "objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 10.0}},
            "networks.critic": critic,
            **_optimizers(adam(2e-4, b1=0.0, b2=0.9)),
        },
        "hinge + SN": {
            "objective": {"name": "adversarial.hinge"},
            "networks.critic": critic | {"kernel_norm": {"name": "SpectralNorm"}},
            **_optimizers(adam(2e-4, b1=0.0, b2=0.9)),
        },
        "R3GAN": {"networks.critic": critic},
    }
    metrics = [
        Metric("samples/modes_found/mnist-v1", "higher"),
        Metric("samples/modes_reverse_kl/mnist-v1", "lower"),
    ]
    common = {
        "steps": 4_000,
        "evaluate_every_steps": 1_000,
        "checkpoint_every_steps": 4_000,
        "networks.generator.width": 16,
    }
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
