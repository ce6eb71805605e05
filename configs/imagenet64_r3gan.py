"""Class-conditional R3GAN on ImageNet at 64x64: a starting point for large runs, never trained.

python -m gan_jax.main --config=configs/imagenet64_r3gan.py --workdir=runs/imagenet64_r3gan

The authors' preset (https://github.com/brownvc/R3GAN, train.py, ImageNet-64). They split batches of 4,096 over 64 GPUs;
`accumulate` computes such batches in parts. Schedules, augmentation and mirrored images are theirs too. The data are
image files in one folder for each class, --config.data.path=FOLDER.
"""

from configs.common import r3gan
from gan_jax.config import ConfigDict, defaults


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data = ConfigDict(
        {"name": "folder", "split": "train", "range": (-1.0, 1.0), "path": "imagenet", "size": 64, "channels": 3}
    )
    config.batch_size = 4_096
    config.steps = 122_000  # 500 million images
    config.steps_per_call = 5
    r3gan(config, images=2e8, gamma=(1.0, 0.1), stages=(1536,) * 5, classes=True, half_life=5e7, p=0.4)
    config.augment = ConfigDict({"mirror": {"name": "horizontal_flip"}})
    return config
