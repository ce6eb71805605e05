"""The classifier of the 8x8 digits whose features measure samples: 45 epochs, images shifted by up to 1 pixel.

python -m gan_jax.main --config=configs/features/digits_classifier.py --workdir=runs/digits_classifier
python scripts/export_features.py runs/digits_classifier

Its last checkpoint is right on 97.8% of the 360 test images, which are by other writers than the training images (UCI,
Optical Recognition of Handwritten Digits): 1,000 steps in 19 s on 2 CPU cores, shared with other work (2026-11-23).
That is gan_jax/features/digits-v1.npz.
"""

from configs.features import mnist_classifier
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = mnist_classifier.get_config()
    config.data.name = "digits"
    config.steps = 1_000  # 45 epochs
    config.batch_size = 64
    config.evaluate_every_steps = 250
    config.checkpoint_every_steps = 500
    config.objective.shift = 1
    network = config.networks.classifier
    network.widths, network.kernels = (32, 64, 64), (3, 4, 3)  # 8x8, 4x4, 4x4, then the features
    network.strides, network.paddings = (1, 2, 1), (1, 1, 1)
    config.players.classifier.optimizer.learning_rate.transition_steps = config.steps
    return config
