"""GAN on the 2D-grid: 25 Gaussians in a square, with the networks and optimizers of PacGAN's experiments.

python -m gan_jax.main --config=configs/grid_gan.py --workdir=runs/grid_gan

40,000 steps, a tenth of the paper's, took 15 min 16 s on 2 CPU cores, much shared with other work (2026-11-23): 11 min
of processor time, the same as ring_gan's. One seed. 2,500 samples at the last step have 17 of 25 modes, 44% of high
quality and a reverse KL of 1.29 nats. Over the last 20,000 steps whole columns of modes come and go: 15 to 21 modes
(18.5 on average), 32% to 70% (47%) and 0.86 to 1.31 (1.11). The paper's GAN has 17.3 +- 0.8 modes, 94.8% and 0.70 after
400,000 steps, over 10 seeds (arXiv:1712.04086, table 1). Samples and critic: configs/pictures/grid_gan.png.
"""

from configs.common import adam, pacgan_networks
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "grid"
    config.steps = 40_000  # 40 epochs; in the paper 400
    config.batch_size = 100
    config.steps_per_call = 200
    config.log_every_steps = 200
    config.sample_every_steps = 4_000
    config.evaluate_every_steps = 4_000
    config.checkpoint_every_steps = 10_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "simultaneous"
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 2}})
    config.networks = ConfigDict(pacgan_networks())
    optimizer = adam(1e-4, b1=0.8)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config
