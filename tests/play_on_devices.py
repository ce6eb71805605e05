"""Rounds of a config with S seeds, on digits, on N emulated devices: `python play_on_devices.py N S NAME OUT.npz`."""

import sys
from pathlib import Path

import jax

devices, seeds, name, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
jax.config.update("jax_num_cpu_devices", devices)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from gan_jax import config, data, parallel  # noqa: E402
from gan_jax.data import feed, order  # noqa: E402
from gan_jax.experiment import build, streams  # noqa: E402

made = config.load(Path(__file__).parents[1] / "configs" / f"{name}.py")
for player in made.players.values():  # not Adam: it blows up the rounding of gradients that are nearly 0
    with player.unlocked():
        player.optimizer = {"name": "sgd", "learning_rate": 0.05}
dataset = data.load("digits", "train")
experiment = build(made, dataset.shape)
source = feed.resident(dataset, experiment.scale)
spread = parallel.spread(*experiment.traced(source.fetch), seeds)
keys = [streams(seed) for seed in range(seeds)]
state = spread.put([experiment.init(key.init) for key in keys])
places = np.stack([order.indices(seed, 0, 5, (experiment.batches, 16), len(dataset.x)) for seed in range(seeds)])
data = parallel.replicate((source.arrays, experiment.numbers))
played = spread.play(state, data, places, 5, jnp.stack([key.play for key in keys]))

for leaf in jax.tree.leaves(played) if seeds == 1 else []:
    copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
    assert len(copies) == devices
    assert all(np.array_equal(copies[0], copy) for copy in copies), "replicas differ"
taken = {seed: tuple(spread.take(part, seed) for part in (played[0].players, played[1])) for seed in range(seeds)}
leaves = jax.tree_util.tree_leaves_with_path(taken)
np.savez(out, **{jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves})
