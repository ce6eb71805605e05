"""DCGAN, StyleGAN2 and the residual networks of SNGAN and R3GAN on CIFAR-10, at about equal time; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/cifar10_networks.py --workdir=runs/cifar10_networks

Each takes as many steps of 64 images as fit into about 45 minutes on one core of an AMD EPYC with AVX-512: DCGAN took
43, SNGAN 44, StyleGAN2 36, R3GAN 48 (2026-11-28). R3GAN's learning rates and gamma fall over its few steps.
"""

from configs.sweeps.cifar10_tenth import METRICS
from gan_jax.config import ConfigDict, load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Seeds, Sweep

STEPS = {"DCGAN": 20_000, "SNGAN": 3_600, "StyleGAN2": 2_880, "R3GAN": 880}


def get_sweep() -> Sweep:
    """DCGAN, SNGAN and StyleGAN2 of width 64, R3GAN of width 96 and one block a stage."""
    cells = {
        "DCGAN": load(CONFIGS / "cifar10_dcgan.py"),
        "SNGAN": load(CONFIGS / "cifar10_sngan.py"),
        "StyleGAN2": load(CONFIGS / "cifar10_stylegan2.py"),
        "R3GAN": load(f"{CONFIGS / 'cifar10_r3gan.py'}:{STEPS['R3GAN']}"),
    }
    evaluators = cells["DCGAN"].evaluators.to_dict()
    for name, config in cells.items():
        config.steps = steps = STEPS[name]
        config.log_every_steps = config.steps_per_call
        config.sample_every_steps = config.checkpoint_every_steps = steps // 4
        evaluators["alexnet"]["every_steps"], evaluators["vgg16"]["every_steps"] = steps // 4, steps
        with config.unlocked():
            config.evaluators = ConfigDict(evaluators)
    curves = [Curve("alexnet/frechet/alexnet-lpips-v1")]
    return Sweep(cells["DCGAN"], named(cells), Seeds(3, at_once=1), metrics=METRICS, curves=curves)
