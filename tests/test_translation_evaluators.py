"""Evaluators of translations, on models whose outputs are known."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from gan_jax.data.base import Dataset
from gan_jax.distributions.degrade import resize
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import super_resolution, translation
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.metrics.biharmonic import biharmonic
from gan_jax.metrics.psnr import psnr
from gan_jax.metrics.ssim import ms_ssim

pytestmark = pytest.mark.heavy

KEYS = jnp.zeros(2, jnp.uint32)
RANDOM = np.random.default_rng(0)
TRAIN = RANDOM.integers(0, 200, (6, 16, 16, 3), dtype=np.uint8)


def pairs(x, source):
    return Dataset("pairs", "test", x, None, 0, others={"source": source})


def context(translate, test, train=None, **predict):
    def load(split):
        return test if split == "test" else train

    return Context({"translate": translate, **predict}, load, lambda batch: batch, {})


def brighter(players, keys, batch):
    return (batch["source"] + 10).astype(jnp.uint8)


def test_values_are_those_of_known_differences():
    test = pairs(TRAIN[:4] + np.uint8(20), TRAIN[:4])
    train = pairs(TRAIN, TRAIN)
    evaluator = translation.pairs(context(brighter, test, train))
    values = evaluator.measure({}, jnp.zeros(2, jnp.uint32))
    assert set(evaluator.names) <= set(values)
    np.testing.assert_allclose(values["l1"], 10 / 255, rtol=1e-5)
    np.testing.assert_allclose(values["l1/source"], 20 / 255, rtol=1e-5)
    np.testing.assert_allclose(values["l1/nearest"], 20 / 255, rtol=1e-5)  # the very same source is in the training set
    np.testing.assert_allclose(values["psnr"], 20 * np.log10(255 / 10), rtol=1e-5)
    assert values["ssim"] > values["ssim/source"]
    assert values["n"] == 4


def test_each_metric_is_measured_as_it_says():
    """SSIM at one scale, also where more would fit; PSNR of the luma and without a border, where asked for."""
    x = RANDOM.integers(0, 200, (2, 64, 64, 3), dtype=np.uint8)
    test = pairs(x, x // 2)
    values = translation.pairs(context(brighter, test), baselines=("source",)).measure({}, KEYS)
    one = ms_ssim(x // 2 + np.uint8(10), x, peak=255.0, scales=1)
    assert np.abs(one - ms_ssim(x // 2 + np.uint8(10), x, peak=255.0)).max() > 1e-3
    np.testing.assert_allclose(values["ssim"], one.mean(), rtol=1e-5)
    limits = {"border": 4, "luma": True}
    found = translation.pairs(context(brighter, test), metrics=("psnr",), baselines=(), **limits).measure({}, KEYS)
    np.testing.assert_allclose(found["psnr"], psnr(x // 2 + np.uint8(10), x, **limits).mean(), rtol=1e-6)
    assert abs(found["psnr"] - values["psnr"]) > 1e-3


def test_sources_that_are_observed_have_baselines_too():
    """Grey copies: each is repeated in all channels, and the nearest training example is by its grey copy."""
    test, train = TRAIN[:2] // 2, TRAIN

    def grey(players, keys, batch):
        return {"source": batch["x"].mean(-1, keepdims=True)}

    def translate(players, keys, batch):
        return jnp.broadcast_to(batch["source"], (*batch["source"].shape[:3], 3)).astype(jnp.uint8)

    made = context(translate, Dataset("x", "test", test, None, 0), Dataset("x", "train", train, None, 0), observe=grey)
    metrics = ("l1", "psnr", "ssim")
    values = translation.pairs(made, metrics=metrics).measure({}, jnp.zeros(2, jnp.uint32))
    assert {*values} == {"n", *(f"{name}{end}" for name in metrics for end in ("", "/source", "/nearest"))}
    greys = [images.astype(float).mean(-1) for images in (test, train)]
    source = np.abs(np.round(greys[0])[..., None] - test).mean() / 255
    np.testing.assert_allclose(values["l1/source"], source, rtol=1e-4)
    found = [np.square(one - greys[1]).sum((1, 2)).argmin() for one in greys[0]]
    np.testing.assert_allclose(values["l1/nearest"], np.abs(train[found].astype(float) - test).mean() / 255, rtol=1e-5)


def test_examples_that_are_trained_on_are_said_to_be(caplog):
    train = pairs(TRAIN, TRAIN + np.uint8(20))
    others = pairs(RANDOM.integers(0, 200, (2, 16, 16, 3), dtype=np.uint8), TRAIN[:2])
    translation.pairs(context(brighter, others, train))
    assert caplog.records == []
    test = pairs(np.concatenate([TRAIN[1:4], others.x]), np.concatenate([TRAIN[1:4] + np.uint8(20), others.x]))
    translation.pairs(context(brighter, test, train))
    message = "3 of the 5 examples of split 'test' that translations are evaluated on are also training examples"
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [message]


def test_holes_alone_are_judged_where_there_are_some():
    mask = np.zeros((16, 16, 1), np.float32)
    mask[:4] = 1
    test = pairs(TRAIN[:4] + np.uint8(20), TRAIN[:4])

    def fills(players, keys, batch):
        assert "mask" in batch
        return jnp.where(batch["mask"] == 1, batch["x"] - 5, 0).astype(jnp.uint8)

    predict = {"observe": lambda players, keys, batch: {"mask": jnp.tile(mask, (len(keys), 1, 1, 1))}}
    evaluator = translation.pairs(context(fills, test._replace(others={}), **predict))
    values = evaluator.measure({}, jnp.zeros(2, jnp.uint32))
    assert {*evaluator.names} | {"n"} == {*values}
    assert {name.partition("/")[2] for name in evaluator.names} == {"", "mean", "biharmonic"}
    np.testing.assert_allclose(values["l1"], 5 / 255, rtol=1e-5)
    x = test.x.astype(float)
    mean = np.round(x[:, 4:].mean((1, 2)))[:, None, None]
    np.testing.assert_allclose(values["l1/mean"], np.abs(x[:, :4] - mean).mean() / 255, rtol=1e-5)
    filled = np.stack([biharmonic(image, mask[..., 0] > 0) for image in test.x])
    filled = np.clip(np.round(filled), 0, 255)
    np.testing.assert_allclose(values["l1/biharmonic"], np.abs(filled - x)[:, :4].mean() / 255, rtol=1e-5)
    assert values["l1/biharmonic"] != values["l1/mean"]
    np.testing.assert_allclose(values["psnr"], 20 * np.log10(255 / 5), rtol=1e-5)
    with pytest.raises(UserError, match=r"border of translation\.pairs is 4: it must be 0 if images have holes"):
        translation.pairs(context(fills, test._replace(others={}), **predict), border=4)


def test_the_way_back_is_judged_by_the_sources():
    test = pairs(TRAIN[:4], TRAIN[:4] + np.uint8(20))

    def darker(players, keys, batch):
        return (batch["x"] + 15).astype(jnp.uint8)

    evaluator = translation.pairs(context(brighter, test, pairs(TRAIN, TRAIN), translate_back=darker), target="source")
    values = evaluator.measure({}, jnp.zeros(2, jnp.uint32))
    np.testing.assert_allclose([values["l1"], values["l1/source"]], [5 / 255, 20 / 255], rtol=1e-5)
    np.testing.assert_allclose(values["l1/nearest"], 20 / 255, rtol=1e-5)
    with pytest.raises(UserError, match=r"target of translation\.pairs is 'label'; there are: source, x"):
        translation.pairs(context(brighter, test), target="label")
    with pytest.raises(UserError, match="this evaluator needs 'translate_back', which the objective does not provide"):
        translation.pairs(context(brighter, test), target="source")


def test_lpips_is_measured_where_its_weights_are_here(tiny_lpips, monkeypatch, caplog):
    test = pairs(TRAIN[:4] + np.uint8(20), TRAIN[:4])
    names = {name.partition("/")[0] for name in translation.pairs(context(brighter, test, test), network="tiny").names}
    assert names == {"l1", "lpips", "psnr", "ssim"}
    monkeypatch.setenv("GAN_JAX_WEIGHTS", "/none")
    caplog.clear()
    others = pairs(RANDOM.integers(0, 200, (2, 16, 16, 3), dtype=np.uint8), TRAIN[:2])
    found = translation.pairs(context(brighter, others, pairs(TRAIN, TRAIN)), network="tiny").names
    assert {name.partition("/")[0] for name in found} == {"l1", "psnr", "ssim"}
    assert [record.getMessage() for record in caplog.records] == [
        "lpips is left out: the weights of tiny are not installed, see docs/evaluation.md"
    ]


def test_data_without_pairs_are_not_compared():
    test = pairs(TRAIN[:4], TRAIN[:4])._replace(unpaired=("source",))
    with pytest.raises(UserError, match=r"translation\.pairs compares pairs, but config\.data\.paired is False"):
        translation.pairs(context(brighter, test))


@pytest.mark.parametrize(("field", "value"), [("metrics", ("l2",)), ("baselines", ("median",)), ("examples", 0)])
def test_wrong_arguments_are_named(field, value):
    with pytest.raises(UserError, match=rf"{field} of translation\.pairs"):
        translation.pairs(context(brighter, pairs(TRAIN, TRAIN)), **{field: value})


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((8, 8, 3), {"metrics": ("ssim",)}, "ssim of translation.pairs needs images of at least 11x11 pixels, not 8x8"),
        ((16, 16, 3), {"border": 8}, "border of translation.pairs is 8: .* leave at least one pixel of 16x16"),
        ((16, 16, 3), {"border": -1}, "border of translation.pairs is -1"),
        ((16, 16, 3), {"border": "a"}, "border of translation.pairs is 'a'"),
        ((16, 16, 2), {"luma": True}, "luma of translation.pairs needs images of 1 or 3 channels, not 2"),
    ],
)
def test_images_that_a_metric_does_not_take_are_refused_at_the_start(shape, given, message):
    x = RANDOM.integers(0, 200, (4, *shape), dtype=np.uint8)
    with pytest.raises(UserError, match=message):
        translation.pairs(context(brighter, pairs(x, x)), **given)


def test_small_images_are_judged_without_ssim():
    x = RANDOM.integers(0, 200, (4, 8, 8, 3), dtype=np.uint8)
    found = translation.pairs(context(brighter, pairs(x, x)), baselines=()).names
    assert "psnr" in found
    assert "ssim" not in found


def test_points_are_no_images():
    points = Dataset("ring", "test", np.zeros((4, 2), np.float32), None, 0)
    with pytest.raises(UserError, match="measures images"):
        translation.pairs(context(brighter, points), baselines=())


def repeated(players, keys, batch):
    return batch["source"].repeat(2, axis=1).repeat(2, axis=2).astype(jnp.uint8)


@pytest.fixture
def benchmark(tmp_path):
    for name, size in (("a", (8, 12)), ("b", (16, 8))):
        low = RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)
        for folder, pixels in (("LR", low), ("HR", low.repeat(2, 0).repeat(2, 1))):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def test_a_benchmark_of_images_of_several_sizes(benchmark, tiny_lpips):
    evaluator = super_resolution.benchmark(context(repeated, None), path=str(benchmark), network="tiny")
    values = evaluator.measure({}, jnp.zeros(2, jnp.uint32))
    assert values["psnr_y"] == pytest.approx(10 * np.log10(12 * 255**2))
    assert (values["ssim_y"], values["lpips/tiny-lpips-v1"]) == (pytest.approx(1), pytest.approx(0))
    assert values["ssim_y/bicubic"] < 1
    assert values["lpips/tiny-lpips-v1/bicubic"] > 0
    assert 10 < values["psnr_y/bicubic"] < 40
    assert values["psnr_y/bicubic"] != values["psnr_rgb/bicubic"]
    assert set(evaluator.names) | {"n"} == set(values)


def test_another_factor_than_the_benchmarks_is_named(benchmark):
    with pytest.raises(UserError, match=r"the model enlarges .* to \(8, 12, 3\), not to \(16, 24, 3\)"):
        super_resolution.benchmark(context(lambda p, k, batch: batch["source"], None), path=str(benchmark))
    (benchmark / "LR" / "a.png").unlink()
    with pytest.raises(UserError, match=r"a\.png"):
        super_resolution.benchmark(context(repeated, None), path=str(benchmark))


def test_bicubic_has_the_published_scores_on_set5(images_dir):
    def enlarged(players, keys, batch):
        size = tuple(4 * side for side in batch["source"].shape[1:3])
        return jnp.clip(jnp.round(resize(batch["source"].astype(float), size)), 0, 255).astype(jnp.uint8)

    values = super_resolution.benchmark(context(enlarged, None), path=str(images_dir / "sr" / "Set5" / "x4")).measure(
        {}, KEYS
    )
    for name, expected, within in (("psnr_y", 28.43, 0.01), ("ssim_y", 0.8104, 0.002)):
        assert abs(values[f"{name}/bicubic"] - expected) < within
        assert values[name] == pytest.approx(values[f"{name}/bicubic"])


def test_biharmonic_filling_is_scikit_images():
    arrays = np.load(ROOT / "tests" / "fixtures" / "metrics.npz")
    filled = biharmonic(arrays["holed"], arrays["hole"])
    np.testing.assert_allclose(filled, arrays["biharmonic"], atol=1e-8)
    assert np.abs(filled - arrays["holed"])[arrays["hole"]].max() > 20


def test_biharmonic_filling_keeps_polynomials_and_what_is_known():
    rows, columns = np.mgrid[:12, :14].astype(float)
    image = np.stack([rows**2 - columns**2 + rows * columns, 3 * rows - columns**3], axis=-1)
    hole = np.zeros((12, 14), bool)
    hole[3:8, 4:9] = hole[5, 9] = True
    broken = np.where(hole[..., None], 1e3, image)
    np.testing.assert_allclose(biharmonic(broken, hole), image, atol=1e-8)  # the double Laplacian of each is 0
    edge = np.zeros((12, 14), bool)
    edge[:, :3] = True
    assert np.isfinite(biharmonic(broken, edge)).all()
    np.testing.assert_array_equal(biharmonic(image, np.zeros_like(hole)), image)
    with pytest.raises(ValueError, match="the whole image"):
        biharmonic(image, np.ones_like(hole))
