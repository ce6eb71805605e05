"""DCGAN on CIFAR-10, 32x32: convolutions and batch norm, 64 channels at 16x16.

python -m gan_jax.main --config=configs/cifar10_dcgan.py --workdir=runs/cifar10_dcgan

20,000 steps took 43 min on one core of an AMD EPYC with AVX-512 (2026-11-28). The Fréchet distance is 35.3 by VGG16's
features (mean of 3 seeds, from 33.5 to 37.7; floor 6.3), on JPEG copies of CIFAR-10, from
configs/sweeps/cifar10_networks.py.
configs/sweeps/cifar10_tenth.py trains it at half its width. Samples are evaluated by the features of AlexNet and VGG16:
docs/evaluation.md says how to get the weights.
"""

from configs.common import adam, dcgan_networks, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "cifar10"
    config.steps = 20_000
    config.steps_per_call = 10
    config.log_every_steps = 50
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "alternating_on_same_fakes"  # fakes are made once per step
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 100}})
    config.networks = ConfigDict({role: {**block, "width": 64} for role, block in dcgan_networks().items()})
    optimizer = adam(2e-4)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.999)})
    judge = sample_metrics(metrics=("frechet", "kernel_distance"), samples=5_000, seeds=1)
    config.evaluators = ConfigDict(
        {
            "alexnet": {**judge, "features": "alexnet", "every_steps": 5_000},
            "vgg16": {**judge, "features": "vgg16", "every_steps": config.steps},
        }
    )
    return config
