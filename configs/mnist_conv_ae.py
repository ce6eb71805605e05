"""Convolutional autoencoder on MNIST, 32 latents: DCGAN's layers at half their width, and better than PCA.

python -m gan_jax.main --config=configs/mnist_conv_ae.py --workdir=runs/mnist_conv_ae

Test error per pixel 0.00451, 27% of PCA's 0.01683 with as many latents; PSNR 24.3 dB against 18.1 dB. 1,800 rounds in
87 s on 2 CPU cores (2026-11-23); test images beside their reconstructions: configs/pictures/mnist_conv_ae.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.data.range = (0.0, 1.0)
    config.steps = 1_800  # 3 epochs
    config.batch_size = 100
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 600
    config.evaluate_every_steps = 600
    config.checkpoint_every_steps = 900

    config.objective = ConfigDict({"name": "autoencoder.undercomplete"})
    norm = {"name": "BatchNorm", "momentum": 0.9, "epsilon": 1e-5}
    encoder = {
        "name": "autoencoder.ConvEncoder",
        "latents": 32,
        "widths": (16, 32, 64),  # 14x14, 7x7, 4x4, then the latents
        "kernels": (4, 4, 3),
        "strides": (2, 2, 2),
        "paddings": (1, 1, 1),
        "norm": norm,
    }
    decoder = {
        "name": "dcgan.Generator",
        "widths": (64, 32, 16),  # 4x4, 7x7, 14x14, then the image, 28x28
        "kernels": (4, 3, 4, 4),
        "strides": (1, 2, 2, 2),
        "paddings": (0, 1, 1, 1),
        "last_activation": {"name": "sigmoid"},
        "norm": norm,
    }
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    rate = {"name": "cosine_decay_schedule", "init_value": 2e-3, "decay_steps": config.steps}
    config.players = ConfigDict({"autoencoder": player({"name": "adam", "learning_rate": rate})})
    config.evaluators = ConfigDict({"reconstruction": {"name": "reconstruction.beside_pca"}})
    return config
