"""Plays rounds of a config, on digits, on N emulated devices: `python play_on_devices.py N NAME OUT.npz`."""

import sys
from pathlib import Path

import jax

devices, name, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.config.update("jax_num_cpu_devices", devices)

import numpy as np  # noqa: E402

from gan_jax import config, data, parallel  # noqa: E402
from gan_jax.data import feed, order  # noqa: E402
from gan_jax.experiment import build  # noqa: E402

made = config.load(Path(__file__).parents[1] / "configs" / f"{name}.py")
for player in made.players.values():  # not Adam: it blows up the rounding of gradients that are nearly 0
    with player.unlocked():
        player.optimizer = {"name": "sgd", "learning_rate": 0.05}
dataset = data.load("digits", "train")
experiment = build(made, dataset.shape)
source = feed.resident(dataset, experiment.scale)
call = parallel.play(experiment.train_step, source.fetch)
state = parallel.replicate(experiment.init(experiment.keys.init))
places = order.indices(0, 0, 5, (experiment.batches, 16), len(dataset.x))
state, metrics = call(state, parallel.replicate(source.arrays), places, 5, experiment.keys.play)

for leaf in jax.tree.leaves(state):
    copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
    assert len(copies) == devices
    assert all(np.array_equal(copies[0], copy) for copy in copies), "replicas differ"
leaves = jax.tree_util.tree_leaves_with_path((state.players, metrics))
np.savez(out, **{jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves})
