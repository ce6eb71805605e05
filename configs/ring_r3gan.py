"""R3GAN's objective on the 2D-ring: the relativistic pairing loss with R1 and R2, and the networks of grid_wgan_gp.

python -m gan_jax.main --config=configs/ring_r3gan.py --workdir=runs/ring_r3gan

16,000 steps took 7 min 39 s on 2 CPU cores shared with other work (2026-11-27). 2,500 samples at the last step have all
8 modes, 91% of high quality and a reverse KL of 0.004 nats: the modes' shares are nearly even. Seed 1 had all 8 modes,
92% and 0.002. The other samples lie on the paths between modes. With 6,000 steps, and schedules that end there, it had
88%; with the networks of mlp.py, without norms, 78% after 10,000 steps.
Samples and critic: configs/pictures/ring_r3gan.png.
"""

from configs.common import adam, cosine, pacgan_networks
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    return of_points("ring", steps=16_000, decay_rate=0.01)


def of_points(name: str, *, steps: int, decay_rate: float) -> ConfigDict:
    """Returns the config for a data set of points; gamma / 2 falls from 0.1 to `decay_rate` times that."""
    config = defaults()
    config.data.name = name
    config.steps = steps
    config.batch_size = 100
    config.steps_per_call = 100
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 500
    config.checkpoint_every_steps = 3_000

    # gamma / 2 is large at first, which keeps modes, and small in the end, so that the critic sees how narrow they are.
    half_gamma = {"name": "exponential_decay", "init_value": 0.1, "transition_steps": steps, "decay_rate": decay_rate}
    penalties = {"r1": {"weight": half_gamma}, "r2": {"weight": half_gamma}}
    config.objective = ConfigDict({"name": "adversarial.r3gan", "critic": penalties})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 2}})
    config.networks = ConfigDict(pacgan_networks(generator_std=0.07, critic_std=0.1))
    optimizer = adam(cosine(5e-4, steps), b2=0.9)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.99)})
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config
