"""What a data set promises is checked once, of every set that is loaded, whoever made it."""

import sys

import jax
import numpy as np
import pytest
from test_data import IMAGE, LABEL, one_line, png, prepare

from gan_jax import data
from gan_jax.core.collectives import base_key, example_keys
from gan_jax.data import Dataset
from gan_jax.data.base import Mixture
from gan_jax.data.checked import checked
from gan_jax.data.spec import spec_of
from gan_jax.distributions.labels import uniform
from gan_jax.errors import UserError
from gan_jax.experiments import build

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 8, 8, 1), np.uint8)
POINTS = RNG.normal(size=(12, 2)).astype(np.float32)
TEN = np.arange(12) % 10


def changed(x, value):
    x = x.copy()
    x[3, 1] = value
    return x


REFUSED = {
    "list": (IMAGES.tolist(), "x is list: it must be a NumPy array"),
    "grey without channels": (IMAGES[..., 0], r"uint8 \[12, 8, 8\].*x\[\.\.\., None\]"),
    "floats in 0..1": (IMAGES / np.float32(255), r"from 0.* to 1: use np\.round\(255 \* x\)\.astype\(np\.uint8\)"),
    "floats in -1..1": (IMAGES / 127.5 - 1, r"np\.round\(127\.5 \* \(x \+ 1\)\)"),
    "floats in 0..255": (IMAGES.astype(np.float32), r"x\.astype\(np\.uint8\)"),
    "16 bits": (IMAGES.astype(np.uint16) * 200, r"uint16.*scale them to 0\.\.255"),
    "words": (IMAGES.astype(str), "must be uint8"),
    "channels first": (np.zeros((12, 3, 32, 32), np.uint8), r"NCHW.*np\.moveaxis\(x, 1, -1\)"),
    "one grey channel first": (np.zeros((12, 1, 28, 28), np.uint8), "NCHW"),
    "0 and 1": (IMAGES % 2, "largest value of its uint8 images is 1.*multiply them by 255"),
    "black": (IMAGES * 0, "largest value of its uint8 images is 0"),
    "float64 points": (POINTS.astype(np.float64), r"must be float32; use x\.astype\(np\.float32\)"),
    "flat images": (IMAGES.reshape(12, -1), r"uint8 \[12, 64\]"),
    "numbers": (POINTS[:, 0], r"float32 \[12\].*reshape"),
    "films": (IMAGES[:, None], "reshape"),
    "empty": (IMAGES[:0], "no examples"),
    "no pixels": (IMAGES[:, :0], "have no values"),
    "NaN": (changed(POINTS, np.nan), "1 of 24 values are not finite .*first in example 3"),
    "infinite": (changed(POINTS, -np.inf), "not finite"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_examples_that_are_none_are_one_line_with_the_set_the_fact_and_the_remedy(kind):
    x, expected = REFUSED[kind]
    with pytest.raises(UserError, match=expected) as info:
        checked(Dataset("other", "other", x, None, 0), "mine", "train")
    assert one_line(info).startswith("config.data.name=mine, split 'train': ")


def test_a_label_for_each_example():
    with pytest.raises(UserError, match="12 examples and 11 labels"):
        checked(Dataset("", "", IMAGES, TEN[:11], 10), "mine", "train")


UNLABELLED = {
    "some without": (np.where(TEN > 4, -1, TEN), 10, "from -1 to 4; 5 of 12 are outside 0..9.*without a label"),
    "all without": (TEN * 0 - 1, 10, "are all -1; 12 of 12"),
    "too large": (TEN + 5, 10, "from 5 to 14.*number the classes from 0"),
    "one-hot": (np.eye(10, dtype=np.float32)[TEN], 10, r"float32 \[12, 10\], perhaps one-hot.*argmax"),
    "columns": (TEN[:, None], 10, r"\[12, 1\].*reshape\(-1\)"),
    "floats": (TEN.astype(np.float32), 10, "float32.*not integers"),
    "words": (TEN.astype(str), 10, "not integers"),
    "list": (TEN.tolist(), 10, "are list"),
    "no count": (TEN, 0, "the number of classes is not given"),
    "far too many": (TEN, 2**31, "classes is 2,147,483,648, more than 1,000,000"),
    "no number": (TEN, "ten", "classes is 'ten'"),
}


@pytest.mark.parametrize("kind", UNLABELLED)
def test_labels_that_are_none_are_left_out_and_refused_where_they_count(kind, tiny):
    label, classes, expected = UNLABELLED[kind]
    made = checked(Dataset("", "", IMAGES, label, classes), "mine", "train")
    assert (made.label, made.classes) == (None, 0)
    with pytest.raises(UserError, match=f"labels, which split 'train' of mine does not have: .*{expected}") as info:
        build(tiny("mnist_cgan"), spec_of(made))
    one_line(info)
    with pytest.raises(UserError, match=expected):
        made.labels("an evaluator")
    build(tiny(), spec_of(made))  # one that needs none


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_labels_are_integers_of_any_size_and_classes_may_be_without_examples(dtype):
    made = checked(Dataset("", "", IMAGES, (TEN % 3 + 1).astype(dtype), 6), "mine", "train")
    assert made.labels("who asks").dtype == np.int32
    assert made.present == (1, 2, 3)
    spec = spec_of(made)
    assert (spec.classes, spec.absent, spec.present) == (6, (0, 4, 5), (1, 2, 3))


WRONG_BESIDE = {
    "no dict": ({"others": 3}, "others is int: it must be a dict"),
    "a number as a name": ({"others": {3: POINTS}}, "a field 3: a field's name"),
    "the name of the examples": ({"others": {"x": POINTS}}, "a field 'x'"),
    "the name of holes": ({"others": {"mask": IMAGES}}, "'mask': holes are made by a sampler"),
    "no array": ({"others": {"source": POINTS.tolist()}}, "'source'. is list: it must be a NumPy array"),
    "too few": ({"others": {"source": POINTS[:3]}}, r"float32 \[3, 2\]: it must have one non-empty.* 12 examples"),
    "one for all": ({"others": {"source": np.float32(3) + np.zeros(())}}, "source"),
    "float64": ({"others": {"source": POINTS.astype(float)}}, "float64.*other fields are float32"),
    "floats as images": ({"others": {"source": IMAGES / np.float32(255)}}, "images are uint8"),
    "NaN": ({"others": {"source": changed(POINTS, np.nan)}}, "some of its values are not finite"),
    "too few names": ({"label": TEN, "classes": 10, "class_names": ("a",)}, "10 classes and 1 class_names"),
    "numbers as names": ({"class_names": (1, 2)}, "must be a tuple of strings"),
    "one split": ({"splits": "train"}, "must be a tuple of strings"),
    "a number as a version": ({"version": 3}, "must be a string"),
    "no mixture": ({"mixture": 3}, "None, or a gan_jax.data.base.Mixture"),
    "another's mixture": ({"mixture": Mixture(np.zeros((3, 9)), 0.1)}, "mixture does not describe its points"),
    "no spread": ({"mixture": Mixture(np.zeros((3, 8)), "x")}, "mixture does not describe its points"),
}


@pytest.mark.parametrize("kind", WRONG_BESIDE)
def test_what_a_set_has_beside_its_examples_is_checked_too(kind):
    given, expected = WRONG_BESIDE[kind]
    with pytest.raises(UserError, match=expected) as info:
        checked(Dataset("", "", IMAGES, None, 0)._replace(**given), "mine", "train")
    assert one_line(info).startswith("config.data.name=mine, split 'train': ")


def test_a_constant_set_is_said_to_be_one(caplog):
    with caplog.at_level("WARNING"):
        checked(Dataset("", "", IMAGES * 0 + 77, None, 0), "mine", "train")
    assert "every value is 77" in caplog.text


# Classes without examples.


def test_classes_without_examples_are_not_sampled(tiny):
    keys = example_keys(base_key(0), 200)
    drawn = uniform(6, present=(1, 4)).draw(keys, {})
    assert set(drawn.tolist()) == {1, 4}
    all_drawn, as_before = (uniform(6, present=known).draw(keys, {}) for known in (tuple(range(6)), ()))
    np.testing.assert_array_equal(all_drawn, as_before)

    some = spec_of(Dataset("", "", RNG.integers(0, 256, (9, 28, 28, 1), np.uint8), np.int32([1, 4, 7] * 3), 10))
    experiment = build(tiny("mnist_cgan"), some)
    np.testing.assert_array_equal(experiment.in_turn(5), [1, 4, 7, 1, 4])
    assert set(jax.jit(uniform(10, some.present).draw)(keys, {}).tolist()) == {1, 4, 7}


# A user's own module.


@pytest.fixture
def own(tmp_path, monkeypatch):
    """`own(source)`: the name of a new module of gan_jax.data with this source."""
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    names = []

    def write(source):
        names.append(f"mine_{len(names)}_{tmp_path.name}")
        (tmp_path / f"{names[-1]}.py").write_text(source)
        return names[-1]

    yield write
    for name in names:
        sys.modules.pop(f"gan_jax.data.{name}", None)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def load(split):\n    return {}['x']\n", r"KeyError: 'x' \(.*{name}\.py:2\)"),
        ("def load(split):\n    open('/nowhere/at/all')\n", r"FileNotFoundError: .*/nowhere/at/all.*{name}\.py:2"),
        ("import sys\ndef load(split):\n    sys.exit(3)\n", r"SystemExit: 3 \(.*{name}\.py:3\)"),
        ("def load(split):\n    raise GeneratorExit\n", r"GeneratorExit: .*\(.*{name}\.py:2\)"),
        ("import numpy as np\n\ndef load(split):\n    return np.load(1)\n", r"{name}\.py:4"),
        ("def load(split:\n", r"SyntaxError.*{name}\.py:1"),
        ("import no_such_package\n", r"ModuleNotFoundError.*no_such_package.*{name}\.py:1"),
        ("def load():\n    pass\n", "TypeError"),
        ("def load(split):\n    pass\n", "its load returns None: it must return a gan_jax.data.Dataset"),
        ("def load(split):\n    return 1, 2\n", "its load returns tuple"),
    ],
)
def test_what_goes_wrong_in_a_users_own_load_is_one_line_with_its_place(source, expected, own):
    name = own(source)
    with pytest.raises(UserError, match=expected.format(name=name)) as info:
        data.load(name, "train")
    assert f"config.data.name={name}" in one_line(info)
    assert name in data.own()  # and does not stand in the way of lists of the others


def test_a_users_own_set_has_the_name_and_split_that_it_was_asked_for(own):
    name = own(
        "import numpy as np\nfrom gan_jax.data import Dataset\n"
        "def load(split):\n    return Dataset('x', 'y', np.full((3, 4, 4, 1), 9, np.uint8), None, 0)\n"
    )
    made = data.load(name, "test")
    assert (made.name, made.split) == (name, "test")


# Prepared sets whose labels are not what `label` promises.


@pytest.mark.parametrize(
    ("label", "feature", "expected"),
    [
        ("label", {"pythonClassName": "x.Scalar", "tensor": {"shape": {}, "dtype": "int64"}}, "`label` is a Scalar"),
        (
            "labels",
            {**LABEL["label"], "pythonClassName": "x.ClassLabel"},
            r"no feature `label`, but labels \(Class",
        ),
        ("label", {"classLabel": {}}, "the number of classes is not given"),
    ],
)
def test_prepared_labels_of_another_kind_or_name(label, feature, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    core = "tensorflow_datasets.core.features."
    kinds = {"x.Scalar": f"{core}scalar.Scalar", "x.ClassLabel": f"{core}class_label_feature.ClassLabel"}
    if kind := feature.get("pythonClassName"):
        feature = {**feature, "pythonClassName": kinds[kind]}
    prepare(tmp_path, "tiny", [png((4, 5, 3))] * 3, [0, 1, 2], {**IMAGE, label: feature}, label=label)
    made = data.load("tiny", "train")
    assert made.label is None
    with pytest.raises(UserError, match=expected):
        made.labels("this")
