"""Twemoji to Noto with the U-Net of `emoji_pix2pix` and L1 alone: the baseline without a critic.

python -m gan_jax.main --config=configs/emoji_l1.py --workdir=runs/emoji_l1

docs/data.md says how to get the pictures. Choices are those of emoji_pix2pix, for example
--config=configs/emoji_l1.py:resnet.

12,404 steps took 18 min on one CPU core (2026-11-27); one seed. The LPIPS is 0.286 and the L1 0.115. :resnet took 9 min
on one core of an AMD EPYC with AVX-512 (2026-11-28), and has 0.355 and 0.120.
"""

from configs import emoji_pix2pix
from configs.common import without_critic
from gan_jax.config import ConfigDict


def get_config(choices: str = "") -> ConfigDict:
    """Returns the config; choices: those of emoji_pix2pix."""
    config = emoji_pix2pix.get_config(choices)
    without_critic(config)
    return config
