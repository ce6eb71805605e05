"""Inpainting of emoji, 64x64: a U-Net fills rectangles, against a patch critic.

python -m gan_jax.main --config=configs/emoji_inpainting.py --workdir=runs/emoji_inpainting

docs/data.md says how to get the pictures. The scores are of holes in 239 characters that were not trained on.
`--config=configs/emoji_inpainting.py:l1` has no critic, `:cifar10` uses CIFAR-10, `:cifar10,l1` both. Other holes and
networks: `--config.samplers.mask.name=masks.strokes` or `masks.centre`,
`--config.networks.generator.name=inpainting.GatedCompletion` or `inpainting.DilatedCompletion`.

12,404 steps took 16 to 20 min on one core of an AMD EPYC with AVX-512 (2026-11-28). Means of 3 seeds: an L1 in holes of
0.103, and an LPIPS of whole pictures of 0.070. L1 alone has 0.100 and 0.067 in 11 min, biharmonic inpainting 0.110 and
0.077, and the mean colour 0.232 and 0.137. Masks, inputs, outputs and the truth: configs/pictures/emoji_inpainting.png.
"""

from configs import emoji_pix2pix
from configs.common import BATCH_NORM, chosen, without_critic
from gan_jax.config import ConfigDict, defaults


def get_config(choices: str = "") -> ConfigDict:
    """Returns the config; choices: 'l1', 'cifar10', or both separated by a comma."""
    words = chosen(choices, ("l1", "cifar10"))
    config = emoji_pix2pix.get_config()
    config.data.fields = {"x": "noto"}
    if "cifar10" in words:
        config.data = ConfigDict({**defaults().data.to_dict(), "name": "cifar10"})
    config.objective.name = "adversarial.inpainting"
    config.samplers = ConfigDict({"mask": {"name": "masks.rectangles"}, "source": {"name": "masks.holed"}})
    config.networks = ConfigDict(
        {
            "generator": {"name": "translation.Completion", "width": 32},
            "critic": {"name": "translation.PatchCritic", "width": 32, "downs": 2, "norm": BATCH_NORM},
        }
    )
    if "l1" in words:
        without_critic(config, "regression.inpainting")
    return config
