"""Super-resolution of photographs by 4 or 2: SRGAN, with L1 alone first, then with VGG16's activations and a critic.

python -m gan_jax.main --config=configs/photos_srgan.py --workdir=runs/photos_srgan

`--config=configs/photos_srgan.py:2` enlarges by 2. The terms' weights are those of BasicSR's SRGAN
(https://github.com/XPixelGroup/BasicSR). The first 2,000 steps use L1 alone, with weight 1. `:4,trained` and
`:2,trained` leave out these steps, to start from a trained SRResNet as in the paper:
`--init_from=runs/photos_srresnet:generator`. The generator is that of photos_srresnet. This config needs the weights of
VGG16, and of AlexNet for the scores: docs/evaluation.md says how to get them.

`:4,trained`, started from 6,000 steps of photos_srresnet, took 37 to 65 min for 2,000 steps on one core of an AMD EPYC
with AVX-512 (2026-11-28 and 29). Means of 3 seeds on Set5 and Set14: an LPIPS of 0.126 and 0.228, where SRResNet has
0.184 and 0.306, and a PSNR of 29.58 and 26.97 dB, where SRResNet has 31.14 and 27.92. SRResNet, SRGAN and the truth:
configs/pictures/photos_srgan.png. The config without `trained` has not been trained to the end.
"""

from typing import Any

from configs import photos_srresnet
from configs.common import adam, check_choice
from gan_jax.config import ConfigDict, player

WARM_UP = 2_000


def staircase(init_value: float, factor: float) -> dict[str, Any]:
    """Returns a schedule that is `init_value` for WARM_UP steps, then `factor` times that."""
    return {
        "name": "exponential_decay",
        "init_value": init_value,
        "transition_steps": WARM_UP,
        "decay_rate": factor,
        "staircase": True,
        "end_value": init_value * factor,
    }


def get_config(choices: str = "4") -> ConfigDict:
    """Returns the config; choices: a factor, '4' or '2', with ',trained' for a trained generator."""
    factor, _, start = choices.partition(",")
    check_choice(start, ("", "trained"))
    warm_up = 0 if start else WARM_UP
    config = photos_srresnet.get_config(factor)
    config.steps = warm_up + 2_000
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    late = {"after": warm_up}
    near, rate = (staircase(1.0, 1e-2), staircase(1e-3, 0.1)) if warm_up else (1e-2, 1e-4)
    generator = {"l1": near, "perceptual": {"weight": 1.0, **late}, "non_saturating": {"weight": 5e-3, **late}}
    config.objective = ConfigDict(
        {"name": "adversarial.non_saturating", "critic": {"bce": late}, "generator": generator}
    )
    config.networks.critic = {"name": "super_resolution.SRCritic", "width": 32}
    config.step_rule.name = "alternating_on_same_fakes"
    config.players = ConfigDict(
        {
            "critic": player(adam(1e-4, b1=0.9, b2=0.99)),
            "generator": player(adam(rate, b1=0.9, b2=0.99), ema=0.99),
        }
    )
    for block in config.evaluators.values():
        block.every_steps = config.checkpoint_every_steps
        block.network = "alexnet"
    return config
