"""VAE on MNIST binarised once and for all, with the likelihood of the test images: 40 latents, 50 epochs.

python -m gan_jax.main --config=configs/binary_mnist_vae.py --workdir=runs/binary_mnist_vae

-log p(x) of the 10,000 test images is at most 88.80 nats, estimated with 200 importance-weighted samples per image
(ELBO -92.96: reconstruction 68.25, KL 24.71). The 30,000 steps took 5 min 30 s and the evaluation 80 s, on 2 CPU cores
shared with other work (2026-11-23). Another such machine gave the same figure to the last digit. Samples:
configs/pictures/binary_mnist_vae.png.

Pythae reports 89.78 nats, also with 200 samples, and compares it with the 89.9 of Rezende and Mohamed 2015
(arXiv:1505.05770). It has one hidden layer of 400 ReLUs on each side, 40 latents and 500 epochs, on the file
`binarized_mnist`, whose training split has 50,000 images. This config has two layers of SiLUs, all 60,000 images, and
its own sample of the binary pixels from the same distribution. With --config.data.name=mnist
--config.likelihood.name=binarised pixels are sampled again at each step.
"""

from configs.common import adam, autoencoder_defaults, cosine, likelihood
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = autoencoder_defaults()
    config.data.name = "binary_mnist"
    config.steps = 30_000  # 50 epochs
    config.steps_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.evaluate_every_steps = 30_000  # 200 samples for each of 10,000 images: a minute
    config.checkpoint_every_steps = 6_000

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    common = {"widths": (400, 400), "activation": {"name": "silu"}}
    encoder = {"name": "vae.Encoder", "latents": 40, **common}
    decoder = {"name": "vae.Decoder", **common}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    optimizer = adam(cosine(3e-3, config.steps), b1=0.9)
    config.players = ConfigDict({"autoencoder": player(optimizer)})
    config.evaluators = ConfigDict({"likelihood": likelihood(200)})
    return config
