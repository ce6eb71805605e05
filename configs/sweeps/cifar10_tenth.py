"""A tenth of CIFAR-10, 5,000 images: no augmentation of the critic's inputs, DiffAugment, or ADA; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/cifar10_tenth.py --workdir=runs/cifar10_tenth

cifar10_dcgan.py at half its width, with the hinge loss and a critic with spectral norm, as in orl_faces.py.
Augmentation is meant to keep the critic from memorising so few images.
"""

from configs.common import dcgan_networks
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep

STEPS = 8_000
METRICS = (
    Metric("vgg16/frechet/vgg16-lpips-v1", "lower"),
    Metric("alexnet/frechet/alexnet-lpips-v1", "lower"),
    Metric("alexnet/kernel_distance/alexnet-lpips-v1", "lower"),
)


def get_sweep() -> Sweep:
    """No augmentation, DiffAugment, ADA."""
    critic = dcgan_networks(norm={"name": "NoNorm"})["critic"]
    hinge = {"name": "adversarial.hinge"}
    cells = {
        "none": {"objective": hinge},
        "DiffAugment": {"objective": {**hinge, "augment": {"name": "diff_augment"}}},
        "ADA": {"objective": {**hinge, "augment": {"name": "ada"}}},
    }
    common = {
        "data.split": "train[:10%]",
        "steps": STEPS,
        "networks.generator.width": 32,
        "networks.critic": {**critic, "kernel_norm": {"name": "SpectralNorm"}},
        "evaluators.alexnet.every_steps": STEPS // 4,
        "evaluators.vgg16.every_steps": STEPS,
    }
    return Sweep(
        load(CONFIGS / "cifar10_dcgan.py"),
        named(cells),
        Seeds(3, at_once=1),
        common,
        metrics=METRICS,
        curves=[Curve("alexnet/frechet/alexnet-lpips-v1")],
    )
