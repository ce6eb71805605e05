"""Twemoji to Noto by the same U-Net as `emoji_pix2pix`, with L1 alone: the baseline without a critic.

python -m gan_jax.main --config=configs/emoji_l1.py --workdir=runs/emoji_l1

docs/data.md says how to get the pictures.
"""

from configs import emoji_pix2pix
from configs.common import without_critic
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_pix2pix.get_config()
    without_critic(config)
    return config
