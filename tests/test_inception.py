"""InceptionV3 beside torch-fidelity's, by the same random weights; and how its file of weights is made and read."""

import hashlib
import json
import sys
import types
import zlib

import jax
import numpy as np
import pytest
from conftest import ROOT

from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.features import inception, weights

pytestmark = pytest.mark.heavy

FIXTURE = ROOT / "tests" / "fixtures" / "torch_inception.npz"


def drawn(name, shape):
    """As scripts/make_torch_inception.py draws it."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var") or name.endswith("bn.weight"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
    return (random.standard_normal(shape) * scale).astype(np.float32)


@pytest.fixture(scope="module")
def fixture():
    with np.load(FIXTURE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def state(fixture):
    """The PyTorch file's arrays, by their names there."""
    return {name: drawn(name, shape) for name, shape in json.loads(str(fixture["shapes"])).items()}


def test_it_is_torch_fidelitys(fixture, state, tmp_path):
    path = tmp_path / "inception.npz"
    path.write_bytes(weights.packed(inception.from_torch(state), {}, {"name": inception.NAME}, np.float32))
    network = inception.load(str(path), (20, 33, 3))
    found, logits = network.describe(fixture["images"])
    assert (found.shape, logits.shape) == ((2, network.dim), (2, network.classes)) == ((2, 2048), (2, 1008))
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    spread = fixture["features"].std()
    np.testing.assert_allclose(found, fixture["features"], atol=1e-4 * spread, rtol=1e-4)
    np.testing.assert_allclose(logits, fixture["logits"], atol=1e-4 * fixture["logits"].std(), rtol=1e-4)


def test_the_params_are_all_and_of_their_shapes(state):
    x = jax.ShapeDtypeStruct((1, 4, 4, 1), np.float32)
    params, stats = jax.eval_shape(lambda x: Network(inception.Inception()).init(jax.random.key(0), {"x": x}), x)
    made = inception.from_torch(state)
    assert jax.tree.map(np.shape, made) == jax.tree.map(lambda leaf: leaf.shape, params)
    assert stats == {}


def test_resizing_is_linear_between_corners():
    x = np.array([[0.0, 10.0], [20.0, 30.0]], np.float32).reshape(1, 2, 2, 1)
    made = np.asarray(inception.resized(x))[0, :, :, 0]
    assert made.shape == (299, 299)
    np.testing.assert_allclose(made[0, [0, 100, 150, 298]], [0, 10 * 200 / 299, 10, 10], rtol=1e-5)
    np.testing.assert_allclose(made[100, 100], 30 * 200 / 299, rtol=1e-5)


def test_a_file_that_is_no_inception_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"absent\.npz cannot be read"):
        inception.load(str(tmp_path / "absent.npz"), (8, 8, 3))
    with pytest.raises(UserError, match="holds the weights of None, not of 'inception-2015-12-05'"):
        inception.load(str(weights.FOLDER / "digits-v1.npz"), (8, 8, 3))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"junk\.npz contains no weights"):
        inception.load(str(tmp_path / "junk.npz"), (8, 8, 3))


def test_the_published_file_alone_is_converted(state, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import convert_inception

    source, out = tmp_path / "file.pth", tmp_path / "out.npz"
    with pytest.raises(UserError, match="it is published at https://"):
        convert_inception.convert(source, out)
    source.write_bytes(b"not that")
    with pytest.raises(UserError, match="not the published file: its SHA-256 starts with"):
        convert_inception.convert(source, out)
    assert not out.exists()
    monkeypatch.setattr(convert_inception, "SHA256_STARTS", "")
    some = {name: values for name, values in state.items() if name.startswith(("Conv2d_1a", "fc"))}
    arrays = {name: types.SimpleNamespace(numpy=lambda values=values: values) for name, values in some.items()}
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=lambda path, weights_only: arrays))
    convert_inception.convert(source, out)
    read = weights.unpacked(out.read_bytes(), out)
    assert read.about["name"] == inception.NAME
    jax.tree.map(np.testing.assert_array_equal, read.params, inception.from_torch(some))
