"""The examples that a training step sees: a figure of them after augmentation, and a description."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import updates_per_step
from gan_jax.config.checks import MAX_COUNT
from gan_jax.core.fields import IMAGE
from gan_jax.data import Dataset, feeds, pixels
from gan_jax.data.hold import in_words, n_bytes
from gan_jax.data.source import Source
from gan_jax.data.spec import DataSpec, spec_of
from gan_jax.errors import MAX_NAMES, UserError
from gan_jax.experiments import Inputs, held, make_inputs, streams
from gan_jax.reporting import figures


def show(config: ConfigDict, out: Path, *, step: int = 0, num: int = 64) -> list[str]:
    """Writes a PNG of the first `num` examples of a step, for the config's first seed.

    Images are shown after augmentation, with their other image fields next to them and their labels below. Points are
    drawn over the data's density. The networks need not fit the data. Returns lines that describe the data set. Raises
    UserError if the data or their augmentation are invalid.
    """
    if step > MAX_COUNT:
        raise UserError(f"--step={step}: it must be at most {MAX_COUNT:,}")
    source = Source(config.data)
    dataset = source.load(config.data.split)
    spec = spec_of(dataset)
    inputs = make_inputs(config, spec)
    batch = {name: values[:num] for name, values in examples(config, dataset, inputs, step).items()}
    names = [_name(spec, label) for label in batch.get("label", ())]
    figures.batch(out, {name: values for name, values in batch.items() if name != "label"}, names, dataset.x)
    shown = [f"shown: {len(batch['x'])} of the {_per_step(config)} examples of step {step}"]
    return [*_splits(config, source), *_fields(spec, inputs), *_classes(dataset), *_memory(config, dataset), *shown]


def examples(config: ConfigDict, dataset: Dataset, inputs: Inputs, step: int) -> Mapping[str, np.ndarray]:
    """Returns the examples of all updates of a step, in order, after augmentation: images uint8 [n, h, w, c]."""
    shape = _per_step(config) // config.batch_size, config.batch_size
    feed = feeds.host(dataset, inputs.scale, seeds=[config.seed], shape=shape, length=1)
    try:
        given = jax.tree.map(lambda values: values[0, 0], feed.inputs(step, 1, (0, 1)))
    finally:
        feed.close()

    @jax.jit
    def made(given: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        batches = inputs.augment(feed.fetch({}, given), streams(config.seed).train, jnp.int32(step))
        return {name: pixels.unscale(inputs.spec, name, values) for name, values in batches.items()}

    return {name: np.asarray(values).reshape(-1, *values.shape[2:]) for name, values in made(given).items()}


def _per_step(config: ConfigDict) -> int:
    return config.batch_size * updates_per_step(config)


def _name(spec: DataSpec, label: int) -> str:
    return spec.class_names[label] if spec.class_names else str(label)


def _splits(config: ConfigDict, source: Source) -> Iterator[str]:
    """Yields the number of examples of each split that the config or a figure reads."""
    trained = source.load(config.data.split)
    evaluated = [block.get("split", "test") for block in (config.get("evaluators") or {}).values()]
    for split in dict.fromkeys([trained.split, *evaluated, *({"test"} & {*trained.splits})]):
        use = " (trained on)" if split == trained.split else ""
        try:
            yield f"{trained.name} {split}: {len(source.load(split).x):,} examples{use}"
        except UserError as error:
            yield f"{trained.name} {split}: {error}"


def _fields(spec: DataSpec, inputs: Inputs) -> Iterator[str]:
    """Yields the shape of each field, and the shape after augmentation if it differs."""
    for name, field in inputs.stored.items():
        if name == "label":
            continue
        after = inputs.spec[name].shape
        cropped = f", {_size(after)} after augmentation" if after != field.shape else ""
        unpaired = ", in its own order" if name in spec.unpaired else ""
        kind = "uint8" if field.kind == IMAGE else "float32"
        yield f"{name}: {_size(field.shape)} {kind}{cropped}{unpaired}"


def _classes(dataset: Dataset) -> Iterator[str]:
    """Yields the number of examples of each class."""
    if dataset.label is None:
        yield f"labels: none{f' ({dataset.unlabelled})' if dataset.unlabelled else ''}"
        return
    counts = np.bincount(dataset.label, minlength=dataset.classes)
    names = dataset.class_names or tuple(map(str, range(dataset.classes)))
    listed = ", ".join(f"{name} {count:,}" for name, count in list(zip(names, counts, strict=True))[:MAX_NAMES])
    more = f", and {dataset.classes - MAX_NAMES:,} more" if dataset.classes > MAX_NAMES else ""
    yield f"label: {dataset.classes:,} classes: {listed}{more}"


def _memory(config: ConfigDict, dataset: Dataset) -> Iterator[str]:
    """Yields where the data are held while a run trains, and how much memory that takes."""
    place, why = held(config, dataset)
    whole = in_words(n_bytes(dataset))
    each = n_bytes(dataset) / len(dataset.x) * _per_step(config) * min(config.steps_per_call, config.steps)
    takes = {
        "device": f"{whole} on each device",
        "host": f"{whole} in the host's memory or in a file, {in_words(each)} sent to the devices with each call",
        "stream": f"{in_words(each)} sent to the devices with each call",
    }
    yield f"memory: {takes[place]} ({why})"


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
