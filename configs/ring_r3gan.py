"""R3GAN's objective on the 2D-ring: relativistic pairs with R1 and R2, in the networks of grid_wgan_gp.

python -m gan_jax.main --config=configs/ring_r3gan.py --workdir=runs/ring_r3gan

6,000 steps in 11 min 26 s on 2 CPU cores, shared with much other work (2026-11-27). Of 2,500 samples at the last step:
all 8 modes (at each of the evaluations), 88% of high quality, a reverse KL of 0.004 nats: the modes' shares are as good
as even. One seed. With the networks of mlp.py, without norms, it had 78% after 10,000 steps. Penalties that fall faster
do not help: 86% with a decay_rate of 1e-4, 88% with weights that fall to a thousandth every 3,000 steps. The other
samples lie on the ways from mode to mode.
"""

from configs.common import adam, cosine, pacgan_networks
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "ring"
    config.steps = 16_000
    config.batch_size = 100
    config.steps_per_call = 100
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 500
    config.checkpoint_every_steps = 3_000

    # gamma / 2 is large at first, which keeps modes, and small at last, so that the critic sees how narrow they are.
    half_gamma = {"name": "exponential_decay", "init_value": 0.1, "transition_steps": config.steps, "decay_rate": 0.01}
    penalties = {"r1": {"weight": half_gamma}, "r2": {"weight": half_gamma}}
    config.objective = ConfigDict({"name": "adversarial.r3gan", "critic": penalties})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 2}})
    config.networks = ConfigDict(pacgan_networks(generator_std=0.07, critic_std=0.1))
    optimizer = adam(cosine(5e-4, config.steps), b2=0.9)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.99)})
    config.evaluators = ConfigDict({"modes": {"name": "modes.gaussians", "samples": 2_500}})
    return config
