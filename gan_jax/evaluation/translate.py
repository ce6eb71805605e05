"""Translations by a trained run, of a split's examples or of a user's own pictures of any size."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data import Dataset, files, images
from gan_jax.data.images import Reading
from gan_jax.errors import Misfits, UserError, printable, reraise_as
from gan_jax.evaluation import tiles
from gan_jax.evaluation.predict import check_offers, load_split, restore
from gan_jax.experiments import Experiment
from gan_jax.reporting.images import save_png
from gan_jax.reporting.reconstructions import make_translations
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically

NAMES = {"source": "images", "mask": "masks"}
"""The names of observed fields in an npz."""


class Made(NamedTuple):
    """A translation: the name of its file without a suffix, and uint8 images [h, w, c] by their names in an npz."""

    name: str
    arrays: dict[str, np.ndarray]


def of_split(
    run_dir: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    split: str | None = None,
    back: bool = False,
) -> None:
    """Writes a checkpoint's (None: the newest) translations of a split, to an npz or a folder of PNG.

    The default split is the one that the run is evaluated on. The npz has `images` (the sources), `translations`,
    `targets` if examples have one, and `masks` if images have holes: uint8 [n, h, w, c]. The seed fixes what samplers
    observe, such as holes. `back` translates in the other direction, from x to source. Raises UserError if the run
    cannot do that.
    """
    experiment, state = restore(run_dir, config, step)
    check_offers(experiment, "translate", config)
    dataset = experiment.view(load_split(run_dir, config, split))
    if back:
        experiment = _backwards(experiment)
        dataset = dataset._replace(x=dataset.others["source"], others={**dataset.others, "source": dataset.x})
    made = make_translations(experiment, state.players, dataset, seed)
    shown = (*NAMES, "translations", "targets")
    named = {NAMES.get(name, name): made[name] for name in shown if name in made}
    _write(out, (Made(f"{i:05d}", {name: v[i] for name, v in named.items()}) for i in range(len(made["translations"]))))


def of_pictures(
    run_dir: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    given: Path,
    mask: Path | None = None,
    back: bool = False,
) -> None:
    """Writes the translations of a picture, or of those in a folder: a PNG each, or an npz as in `of_split`.

    A super-resolution run enlarges pictures of any size, in tiles without seams. Other runs resize them like their
    data. `mask`, for runs that fill holes, has the picture's size: the hole is where it is at least half white. `back`:
    see `of_split`.

    Raises UserError if an output file is one of the inputs, if a file is not a picture, if the mask does not fit the
    picture or covers all or nothing of it, or if the run takes no such pictures or does not translate back.
    """
    found = _listed(given)
    if out.suffix == ".png" and len(found) > 1:
        raise UserError(f"--out={out} is one picture, but --input={given} has {len(found):,}: use --out=FOLDER")
    _check_kept(out, found, mask)
    experiment, state = restore(run_dir, config, step)
    check_offers(experiment, "translate", config)
    experiment = _backwards(experiment) if back else experiment
    model = _Model(experiment, state.players, config, seed)
    if mask is not None and not model.fills:
        raise UserError(f"--mask: this run of {config.objective.name} does not fill holes: leave it out")
    if mask is None and model.fills:
        raise UserError(
            "--input: this run fills holes: also give --mask=FILE, as large as the picture, white in the hole"
        )
    wrong = Misfits()
    for path in found.values():  # all of them before the first one is translated
        with wrong.noted():
            model.read(path, mask)
    wrong.check()
    _write(out, (Made(name, model.translated(path, mask)) for name, path in found.items()))


def _backwards(experiment: Experiment) -> Experiment:
    """Returns the experiment that translates in the other direction: x and source are exchanged."""
    predict, spec = experiment.predict, experiment.spec
    if "translate_back" not in predict:
        raise UserError("--back: this run has only a generator from source to x: leave it out")

    def translate(players: Players, keys: jax.Array, batch: Batch) -> Any:
        return predict["translate_back"](players, keys, {**batch, "x": batch["source"]})

    exchanged = {**spec, "x": spec["source"], "source": spec["x"]}
    return experiment._replace(spec=exchanged, predict={"translate": translate})


class _Model:
    """A run's translator of single pictures.

    Attributes:
        how: how it reads pictures.
        fills: whether it fills holes.
        factor: the factor of enlargement; 1 for translations within one size.
    """

    def __init__(self, experiment: Experiment, players: Players, config: ConfigDict, seed: int):
        self.experiment, self.players, self.config, self.seed = experiment, players, config, seed
        shape = experiment.spec["x"].shape
        if len(shape) != 3 or shape[2] not in images.MODES:
            raise UserError(f"--input: examples of {config.data.name} have shape {shape}: they are not pictures")
        size = experiment.view(Dataset("", "", np.zeros((1, *shape), np.uint8), None, 0)).shape  # after augmentation
        keys, x = jax.eval_shape(lambda: example_keys(base_key(0), 1)), jax.ShapeDtypeStruct((1, *size), np.float32)
        observe = experiment.predict.get("observe")
        self.observed = jax.eval_shape(observe, players, keys, {"x": x}) if observe else {}
        self.fills = "mask" in self.observed
        source = self.observed.get("source", x)
        self.factor = size[0] // source.shape[1]
        self.how = Reading(channels=source.shape[3], background=config.data.get("background", 255))
        if self.factor <= 1:
            height, width, channels = experiment.spec.get("source", experiment.spec["x"]).shape
            fit = config.data.get("fit", "crop")
            self.how = self.how._replace(size=(height, width), fit=fit, channels=channels)
        self.make = jax.jit(self._enlarged)

    def read(self, path: Path, mask: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns a picture as the run takes it, and the hole if there is a mask. Raises UserError."""
        with reraise_as(f"--input={printable(path)}"):
            return (images.read(path, self.how), None) if mask is None else self._with_hole(path, mask)

    def translated(self, path: Path, mask: Path | None) -> dict[str, np.ndarray]:
        """Returns the arrays of `Made` of a picture; raises UserError."""
        picture, hole = self.read(path, mask)
        with reraise_as(f"--input={printable(path)}"):
            return self._whole(picture) if self.factor > 1 else self._fitted(path, picture, hole)

    def _whole(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Returns a picture of any size, and its enlargement."""
        reach = self.experiment.reach
        side = max(picture.shape[:2]) if reach is None else tiles.side(reach)
        make = partial(self.make, self.players)
        return {
            "images": picture,
            "translations": tiles.enlarged(make, picture, self.factor, reach=reach or 0, side=side),
        }

    def _enlarged(self, players: Players, source: jax.Array) -> jax.Array:
        batch = {"source": self.experiment.scale({"x": source})["x"]}
        return self.experiment.predict["translate"](players, example_keys(base_key(self.seed), 1), batch)

    def _fitted(self, path: Path, picture: np.ndarray, hole: np.ndarray | None) -> dict[str, np.ndarray]:
        """Returns a picture fitted as the run's data are, its translation, and the hole if there is one."""
        spec = self.experiment.spec
        (h, w), (height, width) = images.size_of(path), picture.shape[:2]
        if h < height or w < width:
            logging.warning("%s is %dx%d: it is enlarged to %dx%d", printable(path), h, w, height, width)
        fields: dict[str, Any] = {"x": np.zeros((1, *spec["x"].shape), np.uint8)}
        fields["source" if "source" in spec else "x"] = picture[None]
        if hole is not None:
            fields["mask"] = hole
        dataset = Dataset("--input", "", fields.pop("x"), None, 0, others=fields)
        made = make_translations(self.experiment, self.players, self.experiment.view(dataset), self.seed)
        return {NAMES.get(f, f): made[f][0] for f in (*NAMES, "translations") if f in made}

    def _with_hole(self, path: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
        """Returns a picture as the run takes it, and its hole float32 [1, h, w, 1], where the mask is white."""
        whole = images.read(path, self.how._replace(size=None))
        with reraise_as(f"--mask={printable(mask)}"):
            white = images.read(mask, Reading(channels=1, background=0))[..., 0] >= 128
            if white.shape != whole.shape[:2]:
                sizes = " but --input is ".join(f"{h}x{w}" for h, w in (white.shape, whole.shape[:2]))
                raise UserError(f"it is {sizes}: make them equal")
        picture, wider = images.fitted_around(whole, white, self.how)
        fitted = wider[None, :, :, None].repeat(self.how.channels, axis=3)
        hole = self.experiment.view(Dataset("--mask", "", fitted, None, 0)).x[..., :1].astype(np.float32)
        with reraise_as(f"--mask={printable(mask)}"):
            for share, what in ((white.mean(), "the picture"), (hole.mean(), "what the run sees of it")):
                if share in (0.0, 1.0):
                    covered = "none" if share == 0.0 else "all"
                    raise UserError(f"its hole, the white part, covers {covered} of {what}: paint a part white")
        return picture, hole


def _listed(given: Path) -> dict[str, Path]:
    """Returns the files of --input by the names of their translations: one file, or the pictures of a folder."""
    if not given.exists():
        raise UserError(f"--input={printable(given)}: there is no such file or folder")
    if not given.is_dir():
        return {given.stem: given}
    found: dict[str, Path] = {}
    for file in files.images_below(given):
        if file.stem in found:
            raise UserError(f"--input={printable(given)}: two pictures are named {printable(file.stem)}: rename one")
        found[file.stem] = Path(file.path)
    if not found:
        suffixes = ", ".join(sorted(images.SUFFIXES))
        raise UserError(f"--input={printable(given)}: it has no images (files ending in {suffixes})")
    return found


def _check_kept(out: Path, found: Mapping[str, Path], mask: Path | None) -> None:
    """Raises UserError if a file to write is one of the user's own, including through a link."""
    own = {_identity(path): path for path in (*found.values(), mask) if path is not None and path.exists()}
    for target in (_target(out, name) for name in found):
        if target.exists() and (same := own.get(_identity(target))):
            raise UserError(f"--out={printable(out)} would overwrite {printable(same)}: choose another file or folder")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _target(out: Path, name: str) -> Path:
    """Returns the file that a translation of this name is written to."""
    return out / f"{name}.png" if out.suffix not in (".npz", ".png") else out


def _write(out: Path, made: Iterator[Made]) -> None:
    """Writes translations as a PNG each, in a folder or alone, or with their sources in one npz."""
    if out.suffix != ".npz":
        for each in made:
            save_png(_target(out, each.name), each.arrays["translations"])
        return
    whole = [each.arrays for each in made]
    shapes = {name: sorted({arrays[name].shape for arrays in whole}) for name in whole[0]}
    if several := next((found for found in shapes.values() if len(found) > 1), None):
        raise UserError(f"--out={out}: pictures have different sizes ({several[0]}, {several[1]}): use --out=FOLDER")
    with atomically(out) as file:
        np.savez_compressed(file, allow_pickle=False, **{name: np.stack([a[name] for a in whole]) for name in whole[0]})
