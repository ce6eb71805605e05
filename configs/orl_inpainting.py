"""Inpainting of ORL's faces, 40 people in grey, 64x64: a U-Net fills rectangles, against a patch critic.

python -m gan_jax.main --config=configs/orl_inpainting.py --workdir=runs/orl_inpainting

docs/data.md says how to get the pictures: 280 of 28 people to train on, and 120 of 12 others for the scores.
`--config=configs/orl_inpainting.py:l1` has no critic. Other holes and networks are set as in emoji_inpainting.

6,000 steps took 11 min on one core of an AMD EPYC with AVX-512 (2026-11-28). Means of 3 seeds: an LPIPS of 0.039, and
an L1 in holes of 0.073. L1 alone has 0.055 and 0.067 in 7 min, biharmonic inpainting 0.073 and 0.081, and the mean
colour 0.183 and 0.163. configs/sweeps/orl_inpainting.py makes these runs. Masks, inputs, outputs and the truth:
configs/pictures/orl_inpainting.png.
"""

from configs import emoji_inpainting
from configs.common import adam, check_choice, half_constant
from gan_jax.config import ConfigDict, defaults, player


def get_config(critic: str = "") -> ConfigDict:
    """Returns the config; critic: 'l1' for none."""
    check_choice(critic, ("", "l1"))
    config = emoji_inpainting.get_config(critic)
    config.data = ConfigDict(
        {
            **defaults().data.to_dict(),
            "name": "folder",
            "path": "att_faces",
            "split": "train[:80%]",
            "group": r"^s\d+",  # all pictures of a person are in the same part
            "labels": False,
            "size": 64,
            "channels": 1,
        }
    )
    config.augment = ConfigDict({"flip": {"name": "horizontal_flip"}})
    config.steps = 6_000
    config.sample_every_steps = config.checkpoint_every_steps = 1_000
    optimizer = adam(half_constant(2e-4, config.steps))
    config.players = ConfigDict({name: player(optimizer) for name in config.players})
    config.evaluators.pairs.split = "train[80%:]"
    config.evaluators.pairs.every_steps = config.steps
    return config
