"""Colourisation of emoji, 64x64: a U-Net makes a picture from its grey values, against a patch critic of both.

python -m gan_jax.main --config=configs/emoji_colouring.py --workdir=runs/emoji_colouring

docs/data.md says how to get the pictures. --config=configs/emoji_colouring.py:edges makes pictures from their edges
alone, :cifar10 uses CIFAR-10, :l1 has no critic. Commas join choices, as in :cifar10,edges.

12,404 steps took 18 min on one core of an AMD EPYC with AVX-512 (2026-11-28). On 239 characters that were not trained
on, the LPIPS is 0.158 and the L1 0.064 (means of 3 seeds); :l1 has 0.164 and 0.063. The grey picture itself has 0.283
and 0.076, and the training picture with the nearest grey values 0.366 and 0.135. Grey, coloured, truth and nearest of
one seed: configs/pictures/emoji_colouring.png.
"""

from configs import emoji_pix2pix
from configs.common import chosen, without_critic
from gan_jax.config import ConfigDict, defaults


def get_config(choices: str = "") -> ConfigDict:
    """Returns the config; choices: 'edges', 'cifar10' and 'l1', separated by commas."""
    words = chosen(choices, ("edges", "cifar10", "l1"))
    config = emoji_pix2pix.get_config()
    config.data.fields = {"x": "noto"}
    if "cifar10" in words:
        config.data = ConfigDict({**defaults().data.to_dict(), "name": "cifar10"})
    config.samplers = ConfigDict({"source": {"name": "degrade.edges" if "edges" in words else "degrade.grey"}})
    if "l1" in words:
        without_critic(config)
    return config
