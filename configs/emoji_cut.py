"""CUT on emoji in two styles whose pairs are not used, Twemoji to Noto, 64x64: one generator, patches by contrast.

python -m gan_jax.main --config=configs/emoji_cut.py --workdir=runs/emoji_cut

docs/data.md says how to get the pictures. Each style is read in an order of its own; 239 pairs of other
characters judge.

3,544 steps in 14 min on one core of an AMD EPYC with AVX-512 (2026-11-28), one seed: an LPIPS of 0.275 to the true
partner and an L1 of 0.165, where the source itself has 0.246 and 0.155, and CycleGAN 0.241 and 0.148. Source,
translation and partner: configs/pictures/emoji_cut.png.
"""

from configs import emoji_cyclegan
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_cyclegan.get_config()
    config.objective = ConfigDict({"name": "adversarial.cut"})
    generator = {
        **config.networks.generator.to_dict(),
        "name": "translation.ContrastiveResNet",
        "layers": (0, 1, 2, 3, 5),
    }
    config.networks = ConfigDict(
        {"generator": {**generator, "patches": 128, "dim": 128}, "critic": config.networks.critic.to_dict()}
    )
    config.evaluators = ConfigDict({"pairs": config.evaluators.pairs.to_dict()})
    return config
