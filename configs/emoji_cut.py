"""CUT on unpaired emoji of two styles, Twemoji to Noto, 64x64: one generator, and a contrastive loss of patches.

python -m gan_jax.main --config=configs/emoji_cut.py --workdir=runs/emoji_cut

docs/data.md says how to get the pictures. Each style is read in its own order, and 239 pairs of other characters are
for evaluation. The norm is batch norm, not the paper's instance norm.

7,088 steps took 16 min on one core of an AMD EPYC with AVX-512 (2026-11-28). Means of 3 seeds: an LPIPS of 0.238 to the
true partner and an L1 of 0.147; the source itself has 0.246 and 0.155. With instance norm and half the steps the LPIPS
was 0.280, and flat regions lost their colours. Source, translation and partner: configs/pictures/emoji_cut.png.
"""

from configs import emoji_cyclegan, emoji_pix2pix
from configs.common import adam, half_constant
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = emoji_cyclegan.get_config()
    config.steps = 8 * emoji_pix2pix.EPOCH
    config.objective = ConfigDict({"name": "adversarial.cut"})
    generator = {
        **config.networks.generator.to_dict(),
        "name": "translation.ContrastiveResNet",
        "layers": (0, 1, 2, 3, 5),
        "patches": 128,
        "dim": 128,
    }
    networks = {"generator": generator, "critic": config.networks.critic.to_dict()}
    config.networks = ConfigDict(
        {role: {**network, "norm": {"name": "BatchNorm"}} for role, network in networks.items()}
    )
    optimizer = adam(half_constant(2e-4, config.steps))
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"pairs": {**config.evaluators.pairs.to_dict(), "every_steps": config.steps}})
    return config
