"""Convolutional VAE on MNIST: DCGAN's layers, 20 latents, Bernoulli pixels, 6 epochs.

python -m gan_jax.main --config=configs/mnist_conv_vae.py --workdir=runs/mnist_conv_vae

ELBO on the test images -103.0 nats (reconstruction 77.7, KL 25.3; of greys, so no likelihood of anything): 3,600 rounds
in 1 min 54 s on 2 CPU cores, shared with other work (2026-11-23); its samples: configs/pictures/mnist_conv_vae.png.

--config.likelihood.name=learned_normal gives pixels a normal law of one learned variance, whose samples were worse by
eye: the KL is then 62.8 nats, and the prior misses most of what the posteriors use.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.data.range = (0.0, 1.0)
    config.steps = 3_600  # 6 epochs
    config.batch_size = 100
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 600
    config.evaluate_every_steps = 1_200
    config.checkpoint_every_steps = 1_200

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    norm = {"name": "BatchNorm", "momentum": 0.9, "epsilon": 1e-5}
    encoder = {
        "name": "vae.ConvEncoder",
        "latents": 20,
        "widths": (16, 32, 64),  # 14x14, 7x7, 4x4, then mean and log-variance
        "kernels": (4, 4, 3),
        "strides": (2, 2, 2),
        "paddings": (1, 1, 1),
        "norm": norm,
    }
    decoder = {
        "name": "vae.ConvDecoder",
        "widths": (64, 32, 16),  # 4x4, 7x7, 14x14, then the image, 28x28
        "kernels": (4, 3, 4, 4),
        "strides": (1, 2, 2, 2),
        "paddings": (0, 1, 1, 1),
        "norm": norm,
    }
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    config.players = ConfigDict({"autoencoder": player({"name": "adam", "learning_rate": 1e-3})})
    config.evaluators = ConfigDict({"likelihood": {"name": "likelihood.likelihood", "split": "test", "samples": 1}})
    return config
