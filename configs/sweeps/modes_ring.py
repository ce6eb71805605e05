"""Four objectives on the 2D-ring, 8 Gaussians, at an equal budget of steps and with falling learning rates.

python scripts/sweep.py --sweep=configs/sweeps/modes_ring.py --workdir=runs/modes_ring

Networks and optimizers are those of configs/ring_r3gan.py. Cells differ in the objective, and with it in the critic's
norm. Each player is updated once a step, as in modes_stacked_mnist.py; objectives_ring.py has PacGAN's settings.
"""

from configs.common import pacgan_networks
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    critic = pacgan_networks(critic_std=0.1)["critic"]
    cells = {
        "non-saturating": {"objective": {"name": "adversarial.non_saturating"}},
        "WGAN-GP": {"objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 0.1}}},
        "hinge + SN": {
            "objective": {"name": "adversarial.hinge"},
            "networks.critic": critic | {"kernel_norm": {"name": "SpectralNorm"}},
        },
        "R3GAN": {},
    }
    metrics = [
        Metric("modes/found", "higher"),
        Metric("modes/high_quality", "higher"),
        Metric("modes/reverse_kl", "lower"),
    ]
    common = {"evaluate_every_steps": 2_000, "sample_every_steps": 3_000}
    return Sweep(
        load(CONFIGS / "ring_r3gan.py"), named(cells), Seeds(3), common, metrics=metrics, baseline="non-saturating"
    )
