"""Inpainting of emoji, 64x64: a U-Net fills rectangles, against a critic of patches.

python -m gan_jax.main --config=configs/emoji_inpainting.py --workdir=runs/emoji_inpainting

docs/data.md says how to get the pictures. The scores are of the holes of 239 characters that were not trained on.
"""

from configs import emoji_pix2pix
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_pix2pix.get_config()
    config.data.fields = {"x": "noto"}
    config.samplers = ConfigDict({"mask": {"name": "masks.rectangles"}, "source": {"name": "masks.holed"}})
    config.networks = ConfigDict(
        {
            "generator": {"name": "translation.Completion", "width": 32},
            "critic": {"name": "translation.PatchCritic", "width": 32, "downs": 2},
        }
    )
    return config
