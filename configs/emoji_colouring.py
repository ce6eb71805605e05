"""Colouring of emoji, 64x64: a U-Net makes a picture of its grey values, against a critic of patches of both.

python -m gan_jax.main --config=configs/emoji_colouring.py --workdir=runs/emoji_colouring

docs/data.md says how to get the pictures.
"""

from configs import emoji_pix2pix
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_pix2pix.get_config()
    config.data.fields = {"x": "noto"}
    config.samplers = ConfigDict({"source": {"name": "degrade.grey"}})
    return config
