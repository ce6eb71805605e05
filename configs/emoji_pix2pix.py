"""pix2pix on emoji in two styles, Twemoji to Noto: a U-Net against a patch critic of the pair, 64x64.

python -m gan_jax.main --config=configs/emoji_pix2pix.py --workdir=runs/emoji_pix2pix

docs/data.md says how to get the pictures: 3,547 pairs to train on, 239 of other characters to test on.
--config=configs/emoji_pix2pix.py:noto_to_twemoji is the other direction. :resnet has residual blocks instead of the
U-Net, and flips and shifts both pictures of a pair alike. :noto_to_twemoji,resnet does both.

12,404 steps took 26 min on one CPU core (2026-11-27); one seed. The LPIPS is 0.285 and the L1 0.122; emoji_l1 has 0.286
and 0.115, the source itself 0.246 and 0.155. :resnet took 14 min on one core of an AMD EPYC with AVX-512 (2026-11-28),
and has 0.266 and 0.132, means of 3 seeds. Source, translation and partner: configs/pictures/emoji_pix2pix.png, and
emoji_pix2pix_resnet.png for :resnet.
"""

from configs.common import adam, chosen, half_constant
from gan_jax.config import ConfigDict, defaults, player

EPOCH = 3_547 // 4
WAYS = {
    "twemoji_to_noto": {"x": "noto", "source": "twemoji"},
    "noto_to_twemoji": {"x": "twemoji", "source": "noto"},
}


def get_config(choices: str = "") -> ConfigDict:
    """Returns the config; choices: one of WAYS, 'resnet', or both separated by a comma."""
    words = chosen(choices, (*WAYS, "resnet"))
    way = "noto_to_twemoji" if "noto_to_twemoji" in words else "twemoji_to_noto"
    config = defaults()
    config.data = ConfigDict(
        {**config.data.to_dict(), "name": "folder", "path": "emoji", "size": 64, "fields": WAYS[way]}
    )
    config.batch_size = 4
    config.steps = 14 * EPOCH
    config.steps_per_call = 10
    config.log_every_steps = 50
    config.sample_every_steps = 2 * EPOCH
    config.checkpoint_every_steps = EPOCH

    config.objective = ConfigDict({"name": "adversarial.pix2pix"})
    config.networks = ConfigDict(
        {
            "generator": {"name": "translation.UNet", "width": 32},
            "critic": {"name": "translation.PairCritic", "width": 32, "downs": 2},
        }
    )
    if "resnet" in words:
        # Shifted, not enlarged and cropped: a square that fills the picture leaves norms no contrast.
        shift = {"name": "translation", "fraction": 1 / 16}
        config.augment = ConfigDict({"flip": {"name": "horizontal_flip"}, "jitter": shift})
        config.networks.generator = ConfigDict(
            {"name": "translation.ResNet", "width": 16, "blocks": 6, "norm": {"name": "BatchNorm"}}
        )
    optimizer = adam(half_constant(2e-4, config.steps))
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"pairs": {"name": "translation.pairs", "every_steps": config.steps}})
    return config
