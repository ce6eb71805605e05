import contextlib
import errno
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import decoding, tfds, tfds_info
from gan_jax.data.images import Reading
from gan_jax.data.records import Records
from gan_jax.errors import UserError
from gan_jax.runs import cache

REPOSITORY = pathlib.Path(__file__).parents[1]
STORED = {"x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "label": np.array([3, 1], np.int32)}
IMAGE = {"image": {"image": {"dtype": "uint8", "shape": {"dimensions": ["4", "5", "3"]}}}}
LABEL = {"label": {"classLabel": {"numClasses": "7"}}}
KINDS = {"image": "image_feature.Image", "label": "class_label_feature.ClassLabel"}


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty TFDS_DATA_DIR."""
    folder = tmp_path / "tfds"
    folder.mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


def never():
    raise AssertionError("the cache was not used")


def one_line(info):
    message = str(info.value)
    assert "\n" not in message
    return message


# The cache.


def test_arrays_are_made_once_and_then_read():
    made = cache.arrays("set-1", lambda: dict(STORED))
    read = cache.arrays("set-1", never)
    for found in (made, read):
        assert found.keys() == STORED.keys()
        for name, array in STORED.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


def test_the_cache_is_the_owners_alone(tmp_path):
    lax = tmp_path / "cache" / "data"
    lax.mkdir(parents=True)
    lax.chmod(0o777)
    assert cache.folder("data") == lax
    assert lax.stat().st_mode & 0o777 == 0o700


def test_where_the_cache_lies(tmp_path, monkeypatch):
    monkeypatch.delenv("GAN_JAX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder("a") == tmp_path / "xdg" / "gan_jax" / "a"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder("a") == tmp_path / ".cache" / "gan_jax" / "a"
    monkeypatch.setenv("GAN_JAX_CACHE", "~/own")
    assert cache.folder("a") == tmp_path / "own" / "a"
    monkeypatch.setenv("GAN_JAX_CACHE", "~nobody_of_this_name/own")
    with pytest.raises(OSError, match="set GAN_JAX_CACHE to a full path"):
        cache.folder("a")


def test_a_new_entry_takes_the_place_of_older_ones_of_the_same_set_and_split():
    for key in ("set-train-1", "set-test-1", "set-train-2"):
        cache.arrays(key, lambda: dict(STORED))
    assert sorted(path.name for path in cache.folder("data").iterdir()) == [
        "set-test-1.npz",
        "set-train-2.npz",
    ]


def damaged(path, kind):
    good = path.read_bytes()
    match kind:
        case "truncated":
            path.write_bytes(good[: len(good) // 2])
        case "empty":
            path.write_bytes(b"")
        case "junk":
            path.write_bytes(b"not an archive" * 100)
        case "missing array":
            with zipfile.ZipFile(path) as archive:
                members = {name: archive.read(name) for name in archive.namelist() if name != "label.npy"}
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
        case "another program's file":
            np.savez(path, **STORED)
        case "a folder":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize("kind", ["truncated", "empty", "junk", "missing array", "another program's file", "a folder"])
def test_damage_is_one_line_that_names_the_file(kind):
    cache.arrays("set-1", lambda: dict(STORED))
    path = cache.folder("data") / "set-1.npz"
    damaged(path, kind)
    with pytest.raises(UserError) as info:
        cache.arrays("set-1", never)
    assert str(path) in one_line(info)
    assert "delete it" in str(info.value)


def test_no_flipped_bit_gives_other_arrays():
    cache.arrays("set-1", lambda: dict(STORED))
    path = cache.folder("data") / "set-1.npz"
    good, noticed = path.read_bytes(), 0
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        try:
            read = cache.arrays("set-1", never)
        except UserError:
            noticed += 1
        else:  # a date or a padding byte of the archive
            assert read.keys() == STORED.keys()
            assert all(np.array_equal(read[name], array) for name, array in STORED.items())
    assert noticed > len(good) // 2


def test_a_header_that_leaves_data_unread_is_noticed():
    cache.arrays("set-1", lambda: {"x": np.zeros((64, 64, 64), np.uint8)})
    path = cache.folder("data") / "set-1.npz"
    path.write_bytes(path.read_bytes().replace(b"(64, 64, 64)", b"(64, 64, 60)"))
    with pytest.raises(UserError, match="delete it"):
        cache.arrays("set-1", never)


def test_without_a_writable_folder_the_arrays_are_used_all_the_same(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "file"))
    with caplog.at_level("WARNING"):
        assert cache.arrays("set-1", lambda: dict(STORED)).keys() == STORED.keys()
    assert len(caplog.records) == 1


def test_a_full_disk_leaves_nothing_behind(monkeypatch, caplog):
    def savez(file, **_):
        file.write(b"a part of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    with caplog.at_level("WARNING"):
        assert cache.arrays("set-1", lambda: dict(STORED)).keys() == STORED.keys()
    assert list(cache.folder("data").iterdir()) == []
    assert "No space left" in caplog.text


# The digits.


def test_digits(monkeypatch):
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert (train.x.shape, test.x.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    for part in (train, test):
        assert part.shape == (8, 8, 1)
        assert part.x.dtype == np.uint8
        assert (part.x.min(), part.x.max()) == (0, 255)
        assert part.label is not None
        assert part.label.dtype == np.int32
        assert len(part.label) == len(part.x)
        assert set(part.label) == set(range(part.classes))
    # The first digit is a zero: a ring, dark inside.
    assert train.label is not None
    assert train.label[0] == 0
    assert train.x[0, 3:5, 3:5].max() < train.x[0, 3:5, 1:3].max()

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # importing it is now an error
    np.testing.assert_array_equal(data.load("digits", "test").x, test.x)


# Errors in names and splits.


@pytest.mark.parametrize("name", ["digits", "tiny"])
def test_an_unknown_split_lists_the_splits(name, place):
    prepare(place, "tiny", [png((4, 5, 3))])
    with pytest.raises(UserError, match=r"no split 'trian'; did you mean train\? there are: t"):
        data.load(name, "trian")


@pytest.mark.parametrize("name", ["base", "order", "prepared", "__init__", "../etc", "a.b", "", "tiny:1"])
def test_what_is_no_data_set_is_refused(name, place):
    prepare(place, "tiny", [png((4, 5, 3))])
    with pytest.raises(UserError, match=r"digits.*tiny") as info:
        data.load(name, "train")
    assert str(place) in one_line(info)


def test_an_unknown_name_puts_near_ones_first(place):
    prepare(place, "tiny", [png((4, 5, 3))])
    with pytest.raises(UserError, match="did you mean digits"):
        data.load("digit", "train")
    with pytest.raises(UserError, match="did you mean tiny"):
        data.load("tinny", "train")
    with pytest.raises(UserError, match=r"TFDS can prepare celeb_a"):
        data.load("celeba", "train")


def test_a_set_that_is_not_there_says_how_to_get_it(place):
    with pytest.raises(UserError, match=r"prepare_data\.py emnist/letters") as info:
        data.load("emnist/letters", "train")
    assert str(place) in one_line(info)


# Sets of the tests' own, written as TFDS writes them.


def png(shape, value=0, mode=None):
    pixels = (np.arange(np.prod(shape)) + value).astype(np.uint8).reshape(shape)
    image = Image.fromarray(pixels[..., 0] if shape[-1] == 1 else pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def prepare(
    place,
    name,
    images,
    labels=None,
    features=IMAGE,
    version="1.0.0",
    file_format="array_record",
    splits=("train",),
    label="label",
):
    """Write images (bytes of files) and labels as each of these splits of a prepared set; returns its folder."""
    from array_record.python import array_record_module

    proto = importlib.import_module("tensorflow_datasets.proto.tf_example_generated_pb2")

    folder = place / name / version
    folder.mkdir(parents=True)
    common = {"numBytes": "1", "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"}
    about = [{"name": split, "shardLengths": [str(len(images))], **common} for split in splits]
    info = {"name": name.split("/")[0], "version": version, "fileFormat": file_format, "splits": about}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    core = "tensorflow_datasets.core.features."
    described = {
        key: {"pythonClassName": core + KINDS.get(key, "image_feature.Image"), **value}
        for key, value in features.items()
    }
    top = {"featuresDict": {"features": described}, "pythonClassName": core + "features_dict.FeaturesDict"}
    (folder / "features.json").write_text(json.dumps(top))
    for split in splits:
        shard = folder / f"{info['name']}-{split}.array_record-00000-of-00001"
        writer = array_record_module.ArrayRecordWriter(str(shard), "group_size:1")
        for i, image in enumerate(images):
            example = proto.Example()
            example.features.feature["image"].bytes_list.value.append(image)
            if labels is not None:
                example.features.feature[label].int64_list.value.append(labels[i])
            writer.write(example.SerializeToString())
        writer.close()
    return folder


def test_images_and_labels_come_back_as_written(place, capsys):
    images = [png((4, 5, 3), value) for value in range(6)]
    prepare(place, "tiny", images, [0, 6, 1, 5, 2, 4], {**IMAGE, **LABEL})
    tiny = data.load("tiny", "train")
    assert "decoding tiny train: 6 images" in capsys.readouterr().err
    assert (tiny.name, tiny.split, tiny.classes, tiny.shape) == ("tiny", "train", 7, (4, 5, 3))
    expected = np.arange(60, dtype=np.uint8) + np.arange(6, dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(tiny.x, expected.reshape(6, 4, 5, 3))
    assert tiny.x.dtype == np.uint8
    assert tiny.label is not None
    assert tiny.label.dtype == np.int32
    assert tiny.label.tolist() == [0, 6, 1, 5, 2, 4]

    part = data.load("tiny", "train[1:3]")
    np.testing.assert_array_equal(part.x, tiny.x[1:3])
    assert part.label is not None
    assert part.label.tolist() == [6, 1]
    np.testing.assert_array_equal(data.load("tiny", "train[:50%]").x, tiny.x[:3])
    assert len(data.load("tiny", "+".join(["train[:1]"] * 60)).x) == 60


def test_the_second_start_reads_the_cache_until_the_files_change(place, monkeypatch):
    folder = prepare(place, "tiny", [png((4, 5, 3))])
    first = data.load("tiny", "train")
    assert (first.label, first.classes) == (None, 0)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "into", never)
        np.testing.assert_array_equal(data.load("tiny", "train").x, first.x)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    prepare(place, "tiny", [png((4, 5, 3), 9)])
    np.testing.assert_array_equal(data.load("tiny", "train").x, first.x + 9)


def test_the_newest_version_is_read_unless_one_is_named(place):
    for value, version in enumerate(["1.9.0", "1.10.0", "1.2.0"]):
        prepare(place, "tiny", [png((4, 5, 3), value)], version=version)
    (place / "tiny" / "2.0.0.incompleteXYZ").mkdir()
    assert data.load("tiny", "train").x[0, 0, 0, 0] == 1
    assert data.load("tiny:1.9.0", "train").x[0, 0, 0, 0] == 0
    assert tfds.names() == ["tiny"]


def test_a_configuration_is_read_by_its_name(place):
    prepare(place, "tiny/small", [png((4, 5, 3))])
    assert data.load("tiny/small", "train").x.shape == (1, 4, 5, 3)
    with pytest.raises(UserError, match="did you mean tiny/small"):
        data.load("tiny/smal", "train")


def test_grey_and_palette_files_become_the_channels_that_the_set_declares(place):
    prepare(place, "tiny", [png((4, 5, 1)), png((4, 5, 3), mode="P")])
    assert data.load("tiny", "train").x.shape == (2, 4, 5, 3)


def declared(dtype, dimensions):
    return {"image": {"image": {"dtype": dtype, "shape": {"dimensions": dimensions}}}}


FINE = png((4, 5, 3))
REFUSED = {
    "varying size": ([FINE, png((5, 5, 3))], IMAGE, "varying size.*4x5.*5x5"),
    "no image": ([FINE], LABEL, r"no feature `image`.*label \(ClassLabel\)"),
    "channels": ([FINE], declared("uint8", ["4", "5", "2"]), "2 channels; only 1 .* 3 .* 4"),
    "16 bits declared": ([FINE], declared("uint16", ["4", "5", "1"]), "uint16"),
    "not an image": ([FINE, b"GIF89a"], IMAGE, "example 1 .*not an image in a supported format: PNG"),
    "half an image": ([FINE[: len(FINE) // 2]], IMAGE, "example 0 "),
    "empty": ([], IMAGE, "split 'train' cannot be opened: it has no examples; use a larger part"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_one_line_that_names_the_folder(kind, place):
    images, features, expected = REFUSED[kind]
    folder = prepare(place, "tiny", images, features=features)
    with pytest.raises(UserError, match=expected) as info:
        data.load("tiny", "train")
    assert str(folder) in one_line(info)
    with contextlib.suppress(FileNotFoundError):
        assert not [path for path in cache.folder("data").iterdir() if path.is_dir()]


def test_a_format_without_random_access_is_refused(place):
    folder = prepare(place, "tiny", [FINE], file_format="tfrecord")
    with pytest.raises(UserError, match=r"tfrecord.*prepare_data\.py tiny") as info:
        data.load("tiny", "train")
    assert str(folder) in one_line(info)


@pytest.mark.parametrize("split", ["train[3:3]", "train[5:2]", "train[x]", "train[:99]", "train[0]", "train[:1"])
def test_a_part_that_does_not_exist_is_refused(split, place):
    prepare(place, "tiny", [FINE] * 6)
    with pytest.raises(UserError) as info:
        data.load("tiny", split)
    assert split in one_line(info)


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "gone"])
def test_a_damaged_shard_names_the_folder(kind, place):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    folder = prepare(place, "tiny", [file.getvalue()] * 3)
    shard = next(folder.glob("*.array_record*"))
    content = bytearray(shard.read_bytes())
    match kind:
        case "truncated":
            shard.write_bytes(content[: len(content) // 2])
        case "flipped":
            content[len(file.getvalue())] ^= 1
            shard.write_bytes(content)
        case "empty":
            shard.write_bytes(b"")
        case "gone":
            shard.unlink()
    with pytest.raises(UserError, match=r"prepare_data\.py tiny") as info:
        data.load("tiny", "train")
    assert str(folder) in one_line(info)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"featuresDict": {"features": {"image": 1}}}',
        b'{"featuresDict": 1, "splits": 1}',
        b"\xff",
    ],
)
def test_a_damaged_description_names_the_folder(name, content, place):
    folder = prepare(place, "tiny", [FINE])
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match="is damaged") as info:
        data.load("tiny", "train")
    assert str(folder) in one_line(info)


def test_fields_that_are_read_from_other_features_are_kept_apart(place):
    prepare(place, "tiny", [FINE])
    described, shapes = tfds_info.describe(tfds.find("tiny"), "tiny"), dict.fromkeys(("x", "source"), (4, 5, 3))
    ways = {"x": "image", "source": "other"}, {"x": "other", "source": "image"}
    keys = {Records(described, "tiny", "train", 1, Reading(), way, shapes).key.rpartition("-")[0] for way in ways}
    assert len(keys) == 2  # otherwise each deletes the other's arrays


# The real sets, where they are.


def held(name):
    if tfds.find(name) is None:
        pytest.skip(f"{name} is not in {tfds.data_dir()} (TFDS_DATA_DIR)")


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("mnist", (28, 28, 1), 10),
        ("fashion_mnist", (28, 28, 1), 10),
        ("cifar10_jpeg", (32, 32, 3), 10),
        ("facades", (256, 256, 3), 0),
    ],
)
def test_prepared_sets(name, shape, classes):
    held(name)
    found = data.load(name, "test[:40]")
    assert found.x.shape == (40, *shape)
    assert found.x.dtype == np.uint8
    assert found.x.std() > 20
    assert found.classes == classes
    if classes:
        assert found.label is not None
        assert set(found.label) <= set(range(classes))
        assert len(set(found.label)) > classes // 2
    else:
        assert found.label is None


def run(code_or_script, *args, **environment):
    command = [sys.executable, "-W", "error", *code_or_script, *args]
    env = {**os.environ, **environment, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=120)


def test_neither_start_imports_tensorflow_and_the_second_not_even_tfds(place):
    prepare(place, "tiny", [FINE] * 4, [1, 2, 3, 4], {**IMAGE, **LABEL})
    code = (
        "import sys; from gan_jax import data; print(data.load('tiny', 'train[:3]').x.shape,"
        " [name in sys.modules for name in ('tensorflow', 'tensorflow_datasets', 'jax')])"
    )
    assert run(["-c", code]).stdout == "(3, 4, 5, 3) [False, True, False]\n"
    assert run(["-c", code]).stdout == "(3, 4, 5, 3) [False, False, False]\n"


# The script that prepares sets.


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["mnits"], "see mnist"),
        (["mnist", "--manual_dir=/nowhere"], "requirements-prepare.txt|/nowhere is not a folder"),
    ],
)
def test_prepare_data_fails_in_one_line(args, expected, place):
    done = run(["scripts/prepare_data.py"], *args, TFDS_DATA_DIR=str(place))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert any(part in done.stderr for part in expected.split("|"))
    assert list(place.iterdir()) == []


def test_prepare_data_leaves_a_prepared_set_alone(tmp_path):
    held("mnist")
    done = run(["scripts/prepare_data.py"], "mnist")
    assert done.returncode == 0, done.stderr
    assert "train 60000, test 10000" in done.stdout


def test_an_argument_that_a_data_set_does_not_take_is_refused():
    with pytest.raises(UserError, match=r"unknown field 'spilt' in config.data: digits takes no such argument; did"):
        data.load("digits", "train", spilt="test")
