"""Super-resolution of photographs by 4: SRResNet, and SRGAN, which adds a critic and VGG16's features to L1; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/super_resolution.py --workdir=runs/super_resolution
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """SRResNet and SRGAN, each config with its own steps; benchmarks include LPIPS."""
    cells = {name: load(CONFIGS / f"photos_{name.lower()}.py") for name in ("SRResNet", "SRGAN")}
    metrics = [
        Metric("set5/lpips/alexnet-lpips-v1", "lower"),
        Metric("set5/psnr_y", "higher"),
        Metric("set14/lpips/alexnet-lpips-v1", "lower"),
        Metric("set14/psnr_y", "higher"),
    ]
    common = {"evaluators": cells["SRGAN"].evaluators.to_dict()}
    return Sweep(cells["SRResNet"], named(cells), Seeds(3, at_once=1), common, metrics=metrics)
