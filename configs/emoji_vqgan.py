"""VQGAN on Noto's emoji, 64x64, for the CPU: an image is 256 codes, 16 by 16, from a codebook of 256.

python -m gan_jax.main --config=configs/emoji_vqgan.py --workdir=runs/emoji_vqgan

docs/data.md says how to get the pictures: 3,547 to train on, 239 of other characters to test on. A patch critic joins
after half of the steps, with the adaptive weight of Esser et al. 2021, arXiv:2012.09841, equation 7. The paper's
perceptual term is left out, so that no pretrained weights are needed.
--config=configs/emoji_vqgan.py:lpips adds it, with VGG16: docs/evaluation.md says how to get the weights.

4,000 steps took 14 min on one core of an AMD EPYC with AVX-512 (2026-11-28); one seed. The PSNR on the 239 test
characters is 23.2 dB, and was 23.0 before the critic joined. Images next to their reconstructions:
configs/pictures/emoji_vqgan.png.
"""

from configs.common import adam, check_choice
from gan_jax.config import ConfigDict, defaults, player


def get_config(perceptual: str = "none") -> ConfigDict:
    """Returns the config, without or with a perceptual term: 'none' or 'lpips'."""
    check_choice(perceptual, ("none", "lpips"))
    config = defaults()
    config.data = ConfigDict(
        {**config.data.to_dict(), "name": "folder", "path": "emoji", "size": 64, "fields": {"x": "noto"}}
    )
    config.batch_size = 16
    config.steps = 4_000
    config.steps_per_call = 10
    config.log_every_steps = 50
    config.sample_every_steps = 500
    config.checkpoint_every_steps = 500

    joins = config.steps // 2
    terms = {"l1": 1.0, "commitment": 0.25, "hinge": {"weight": 0.8, "after": joins}}
    if perceptual == "lpips":
        terms["lpips"] = 1.0
    critic = {"hinge": {"after": joins}}
    config.objective = ConfigDict(
        {"name": "vq.vqgan", "critic": critic, "generator": terms, "adaptive": "decoder/last"}
    )
    quantizer = {"name": "VectorQuantizer", "codes": 256, "dim": 32}
    config.networks = ConfigDict(
        {
            "generator": {"name": "vq.Autoencoder", "width": 64, "downs": 2, "blocks": 2, "quantizer": quantizer},
            "critic": {"name": "translation.PatchCritic", "width": 32, "downs": 2},
        }
    )
    config.players = ConfigDict({name: player(adam(2e-4, b2=0.9)) for name in ("critic", "generator")})
    every = {"every_steps": config.steps // 4}
    config.evaluators = ConfigDict({"reconstruction": {"name": "reconstruction.clean", **every}})
    return config
