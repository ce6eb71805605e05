"""DCGAN, SNGAN's residual networks and R3GAN's on CIFAR-10, for about the same time; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/cifar10_networks.py --workdir=runs/cifar10_networks

Each takes as many steps of 64 images as one core of an AMD EPYC with AVX-512 makes in about 45 minutes: 43, 44 and 48
(2026-11-28). R3GAN's rates and gamma fall over its few steps.
"""

from configs.common import sample_metrics
from gan_jax.config import ConfigDict, load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep

STEPS = {"dcgan": 20_000, "sngan": 3_600, "r3gan": 880}


def get_sweep() -> Sweep:
    """DCGAN of width 64, SNGAN of width 64, R3GAN of width 96 and one block a stage."""
    configs = {
        "dcgan": load(CONFIGS / "cifar10_dcgan.py"),
        "sngan": load(CONFIGS / "cifar10_sngan.py"),
        "r3gan": load(f"{CONFIGS / 'cifar10_r3gan.py'}:{STEPS['r3gan']}"),
    }
    judge = sample_metrics(metrics=("frechet", "kernel_distance"), samples=5_000, seeds=1)
    for name, config in configs.items():
        config.steps = STEPS[name]
        config.log_every_steps = config.steps_per_call
        config.sample_every_steps = config.checkpoint_every_steps = STEPS[name] // 4
        evaluators = {
            "alexnet": {**judge, "features": "alexnet", "every_steps": STEPS[name] // 4},
            "vgg16": {**judge, "features": "vgg16", "every_steps": STEPS[name]},
        }
        with config.unlocked():
            config.evaluators = ConfigDict(evaluators)
    metrics = [
        Metric("vgg16/frechet/vgg16-lpips-v1", "lower"),
        Metric("alexnet/frechet/alexnet-lpips-v1", "lower"),
        Metric("alexnet/kernel_distance/alexnet-lpips-v1", "lower"),
    ]
    return Sweep(
        configs["dcgan"],
        named({"DCGAN": configs["dcgan"], "SNGAN": configs["sngan"], "R3GAN": configs["r3gan"]}),
        Seeds(3, at_once=1),
        metrics=metrics,
        curves=[Curve("alexnet/frechet/alexnet-lpips-v1")],
    )
