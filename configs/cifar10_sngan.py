"""SNGAN on CIFAR-10: a residual generator against a critic with spectral norm, by the hinge loss.

python -m gan_jax.main --config=configs/cifar10_sngan.py --workdir=runs/cifar10_sngan

Never run to its end here. Widths are 64, for a CPU; --config=configs/cifar10_sngan.py:paper has the paper's sizes and
schedule (Miyato et al. 2018, arXiv:1802.05957, appendix B.4): widths of 256 and 128, five updates of the critic. Widths
of 128 in both networks are those of most ports.
"""

from configs.common import adam
from gan_jax.config import ConfigDict, defaults, player


def get_config(size: str = "cpu") -> ConfigDict:
    """Returns the config of a size: 'cpu' or 'paper'."""
    paper = size == "paper"
    config = defaults()
    config.data.name = "cifar10"
    config.steps = 50_000
    config.steps_per_call = 10
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.hinge"})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 128}})
    generator = {"name": "sngan.Generator", "widths": (256 if paper else 64,) * 3, "attention": 0}
    critic = {
        "name": "sngan.Critic",
        "widths": (128 if paper else 64,) * 4,
        "downs": 2,
        "attention": 0,
        "kernel_norm": {"name": "SpectralNorm"},
    }
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    falling = {"name": "linear_schedule", "init_value": 2e-4, "end_value": 0.0, "transition_steps": config.steps}
    config.players = ConfigDict(
        {
            "critic": player(adam(2e-4, b1=0.0, b2=0.9), updates_per_step=5 if paper else 1),
            "generator": player(adam(falling if paper else 2e-4, b1=0.0, b2=0.9), ema=0.999),
        }
    )
    return config
