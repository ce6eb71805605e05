"""R3GAN on FFHQ's faces at 256x256: a starting point for large runs, never trained.

python -m gan_jax.main --config=configs/ffhq_256_r3gan.py --workdir=runs/ffhq_256_r3gan --config.data.path=~/ffhq

The authors' preset (https://github.com/brownvc/R3GAN, train.py, FFHQ-256), with batches of 256 over 8 GPUs. Schedules,
augmentation and mirrored images are theirs too. The data are image files in a folder.
"""

from configs.common import r3gan
from gan_jax.config import ConfigDict, defaults


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data = ConfigDict(
        {"name": "folder", "split": "train", "range": (-1.0, 1.0), "path": "ffhq", "size": 256, "channels": 3}
    )
    config.batch_size = 256
    config.steps = 98_000  # 25 million images
    config.steps_per_call = 5
    stages = (768, 768, 768, 768, 384, 192, 96)
    r3gan(config, images=2e7, gamma=(150.0, 15.0), stages=stages, classes=False, half_life=5e5, p=0.3)
    config.augment = ConfigDict({"mirror": {"name": "horizontal_flip"}})
    return config
