"""StyleGAN2 on FFHQ's faces at 256x256: a starting point for large runs, never trained.

python -m gan_jax.main --config=configs/ffhq_256_stylegan2.py --workdir=runs/ffhq_stylegan2 --config.data.path=~/ffhq

The preset `paper256` of the authors' later code (https://github.com/NVlabs/stylegan2-ada-pytorch, train.py), without
its augmentation: 24,767,458 parameters in the generator, 24,001,089 in the critic, batches of 64 over 8 GPUs, 25
million images and their mirror images. The data are image files in a folder. Each GPU must get whole groups of 8
examples. The authors compute layers of 32x32 and more in float16; --config.dtype=bfloat16 applies to all layers.
"""

from configs.common import stylegan2
from gan_jax.config import ConfigDict, defaults


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data = ConfigDict(
        {"name": "folder", "split": "train", "range": (-1.0, 1.0), "path": "ffhq", "size": 256, "channels": 3}
    )
    config.augment = ConfigDict({"mirror": {"name": "horizontal_flip"}})
    config.batch_size = 64
    config.steps = 390_625  # 25 million images
    config.log_every_steps = 160  # a multiple of the lazy terms' intervals
    config.steps_per_call = 16
    widths = tuple(min(16_384 // size, 512) for size in (4, 8, 16, 32, 64, 128, 256))
    sizes = {"widths": widths, "layers": 8, "features": 512, "group": 8}
    stylegan2(config, **sizes, gamma=1.0, learning_rate=2.5e-3, half_life=2e4)
    config.players.generator.ema_warmup = "none"
    return config
