"""CycleGAN on unpaired emoji of two styles, Twemoji to Noto and back, 64x64.

python -m gan_jax.main --config=configs/emoji_cyclegan.py --workdir=runs/emoji_cyclegan

docs/data.md says how to get the pictures. Each style is read in its own order, and 239 pairs of other characters are
for evaluation in both directions.

3,544 steps took 36 to 39 min on one CPU core (2026-11-27 and 29). Means of 3 seeds: to Noto the LPIPS to the true
partner is 0.241 and the L1 0.148; to Twemoji they are 0.251 and 0.147. The source itself has 0.246 and 0.155.
Source, translation, translation back and partner of one seed: configs/pictures/emoji_cyclegan.png.
"""

from configs import emoji_pix2pix
from configs.common import adam, half_constant
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_pix2pix.get_config()
    config.data.use_pairs = False
    config.steps = 4 * emoji_pix2pix.EPOCH
    config.sample_every_steps = config.checkpoint_every_steps = emoji_pix2pix.EPOCH

    config.objective = ConfigDict({"name": "cycle.cycle_gan"})
    config.step_rule = ConfigDict({"name": "alternating_on_same_fakes"})
    generator = {"name": "translation.ResNet", "width": 16, "blocks": 4}
    critic = {"name": "translation.PatchCritic", "width": 32, "downs": 2}
    config.networks = ConfigDict(
        {"generator": generator, "generator_back": generator, "critic": critic, "critic_back": critic}
    )
    optimizer = adam(half_constant(2e-4, config.steps))
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    judge = {"name": "translation.pairs", "baselines": ("source",), "every_steps": config.steps}
    config.evaluators = ConfigDict({"pairs": judge, "back": {**judge, "target": "source"}})
    return config
