"""Super-resolution of photographs by 4 or 2: SRResNet trained with L1 alone, without a critic.

python -m gan_jax.main --config=configs/photos_srresnet.py --workdir=runs/photos_srresnet

docs/data.md says how to get the pictures. Training takes random crops of 64x64 from 381 of the 400 photographs in
BSDS500's train and test parts, and downscales them as MATLAB's imresize does. The scores are measured on Set5 and
Set14. The run's pictures show the other 19 photographs.
`--config=configs/photos_srresnet.py:2` enlarges by 2, of crops of 48x48.

6,000 steps in 11 to 25 min on one core of an AMD EPYC with AVX-512 (2026-11-28), 3 seeds: 31.14 dB [31.13, 31.16] on
Set5 and 27.92 dB on Set14 for the luma, where bicubic enlargement has 28.43 and 26.09. After 2,000 steps it has 30.94
and 27.84 dB. Set5's butterfly, by bicubic enlargement, by the run and as it is: configs/pictures/photos_srresnet.png.
`:2`, with one seed in 11 min, has 37.31 dB on Set5 and 32.92 dB on Set14; bicubic enlargement has 33.68 and 30.33.
"""

from configs.common import adam, check_choice, cosine
from gan_jax.config import ConfigDict, defaults, player

CROPS = {2: 48, 4: 64}


def get_config(factor: str = "4") -> ConfigDict:
    """Returns the config of a factor: '4' or '2'."""
    check_choice(factor, [str(by) for by in CROPS])
    by = int(factor)
    config = defaults()
    config.data = ConfigDict(
        {
            **config.data.to_dict(),
            "name": "folder",
            "path": "bsds500",
            "split": "train[:95%]",
            "size": 320,
            "fit": "centre",
            "range": (0.0, 1.0),
        }
    )
    config.augment = ConfigDict(
        {"crop": {"name": "random_crop", "size": (CROPS[by],) * 2}, "flip": {"name": "horizontal_flip"}}
    )
    config.batch_size = 16
    config.steps = 6_000
    config.steps_per_call = 10
    config.sample_every_steps = 2_000
    config.checkpoint_every_steps = 2_000

    config.objective = ConfigDict({"name": "regression.l1"})
    config.samplers = ConfigDict({"source": {"name": "degrade.bicubic", "factor": by}})
    config.networks = ConfigDict(
        {"generator": {"name": "super_resolution.SRResNet", "factor": by, "width": 32, "blocks": 8}}
    )
    config.players = ConfigDict({"generator": player(adam(cosine(1e-3, config.steps), b1=0.9), ema=0.999)})
    config.evaluators = ConfigDict(
        {
            name.lower(): {
                "name": "super_resolution.benchmark",
                "path": f"sr/{name}/x{by}",
                "every_steps": config.checkpoint_every_steps,
            }
            for name in ("Set5", "Set14")
        }
    )
    # Held-out photographs, which the run's pictures show.
    held_out = {"name": "translation.pairs", "split": "train[95%:]", "metrics": ("psnr",), "baselines": ()}
    config.evaluators.held_out = ConfigDict({**held_out, "every_steps": config.checkpoint_every_steps})
    return config
