"""SNGAN on CIFAR-10: a residual generator against a critic with spectral norm, with the hinge loss.

python -m gan_jax.main --config=configs/cifar10_sngan.py --workdir=runs/cifar10_sngan

This config has not been trained to the end. After 3,600 steps the Fréchet distance is 61.6 by VGG16's features (mean of
3 seeds, from 56.3 to 64.9), on JPEG copies of CIFAR-10, from configs/sweeps/cifar10_networks.py. Widths are 64, for a
CPU; --config=configs/cifar10_sngan.py:paper has the paper's sizes and schedule (Miyato et al. 2018, arXiv:1802.05957,
appendix B.4): widths of 256 and 128, and five updates of the critic. Unlike in the authors' code
(https://github.com/pfnet-research/sngan_projection), the generator's update has 64 fakes, not 128, and the critic's
last layer has a bias. Samples come from an average of the generator's weights with decay 0.999, which the paper does
not have. More choices, which can be joined by commas, as in :paper,classes:

- classes: conditional batch norm and projection (Miyato and Koyama 2018, arXiv:1802.05637).
- attention: self-attention at 16x16 in both networks (Zhang et al. 2018, arXiv:1805.08318).
- diff_augment, ada: the critic sees augmented images (arXiv:2006.10738, arXiv:2006.06676).
- bcr, lecam: a term against overfitting (arXiv:2002.04724, arXiv:2104.03310).
- wgan_gp, least_squares: other losses for the same critic (arXiv:1704.00028, arXiv:1611.04076).
- relativistic_average: scores are compared with the mean score of the other kind (arXiv:1807.00734).

For a tenth of the data use --config.data.split="train[:10%]".
"""

from configs.common import adam, chosen, falling
from gan_jax.config import ConfigDict, defaults, player

METHODS = {
    "diff_augment": {"augment": {"name": "diff_augment"}},
    "ada": {"augment": {"name": "ada"}},
    "bcr": {"critic": {"consistency": 10.0}},
    "lecam": {"critic": {"lecam": 0.3}},
    "least_squares": {"name": "adversarial.least_squares"},
    "relativistic_average": {"name": "adversarial.relativistic_average"},
    "wgan_gp": {"name": "adversarial.wasserstein_gp"},
}


def get_config(choices: str = "") -> ConfigDict:
    """Returns the config; choices: 'paper', 'classes', 'attention' and METHODS, separated by commas."""
    words = chosen(choices, ("paper", "classes", "attention", *METHODS))
    paper, classes = "paper" in words, "classes" in words
    config = defaults()
    config.data.name = "cifar10"
    config.steps = 50_000
    config.steps_per_call = 10
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.hinge"})
    for method in sorted(words & {*METHODS}):
        config.objective.update(METHODS[method])
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 128}})
    attention = 16 if "attention" in words else 0
    generator = {"name": "sngan.Generator", "widths": (256 if paper else 64,) * 3, "attention": attention}
    critic = {
        "name": "sngan.Critic",
        "widths": (128 if paper else 64,) * 4,
        "downs": 2,
        "attention": attention,
        "kernel_norm": {"name": "SpectralNorm"},
    }
    if classes:
        config.samplers.label = {"name": "labels.uniform"}
        generator["name"], critic["name"] = "sngan.ConditionalGenerator", "sngan.ProjectionCritic"
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    updates = 5 if paper else 1
    rates = [falling(2e-4, times * config.steps) if paper else 2e-4 for times in (updates, 1)]
    of_critic, of_generator = (adam(rate, b1=0.0, b2=0.9) for rate in rates)
    config.players = ConfigDict(
        {"critic": player(of_critic, updates_per_step=updates), "generator": player(of_generator, ema=0.999)}
    )
    return config
