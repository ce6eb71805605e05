"""The classifier of Fashion-MNIST whose features measure samples: that of MNIST, images shifted by up to 1 pixel.

python -m gan_jax.main --config=configs/features/fashion_mnist_classifier.py --workdir=runs/fashion_mnist_classifier
python scripts/export_features.py runs/fashion_mnist_classifier

Its last checkpoint is right on 93.20% of the 10,000 test images: 5,600 steps in 24 min on 2 CPU cores, shared with
much other work (2026-11-23). That is gan_jax/features/fashion_mnist-v1.npz.
"""

from configs.features import mnist_classifier
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = mnist_classifier.get_config()
    config.data.name = "fashion_mnist"
    config.objective.shift = 1
    return config
