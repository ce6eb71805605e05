"""VQ-VAE on MNIST: an image is 49 codes, 7 by 7, from a codebook of 128.

python -m gan_jax.main --config=configs/mnist_vqvae.py --workdir=runs/mnist_vqvae

The test error per pixel is 0.00385 and the PSNR 24.6 dB; mnist_conv_ae has an error of 0.00451 with 32 floats. All 128
codes are used, with a perplexity of 110, so an image is at most 343 bits. 1,800 steps took 2 min 46 s of CPU time, on 2
CPU cores shared with much other work (2026-11-27). Test images next to their reconstructions:
configs/pictures/mnist_vqvae.png.
"""

from configs.common import adam, autoencoder_defaults, cosine
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = autoencoder_defaults()
    config.steps = 1_800  # 3 epochs
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 600
    config.evaluate_every_steps = 600
    config.checkpoint_every_steps = 900

    config.objective = ConfigDict(
        {"name": "vq.vqvae", "generator": {"l2": 10.0, "commitment": 0.25}}  # 10: one over the pixels' variance, 0.095
    )
    quantizer = {"name": "VectorQuantizer", "codes": 128, "dim": 16}
    config.networks = ConfigDict(
        {"generator": {"name": "vq.Autoencoder", "width": 32, "downs": 2, "blocks": 2, "quantizer": quantizer}}
    )
    rate = cosine(2e-3, config.steps)
    config.players = ConfigDict({"generator": player(adam(rate, b1=0.9))})
    config.evaluators = ConfigDict({"reconstruction": {"name": "reconstruction.clean"}})
    return config
