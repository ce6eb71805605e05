"""Folders of images of one's own: splits, parts, labels, pairs, and what is wrong with them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gan_jax import data
from gan_jax.data import decoding, files, folder, parts, store, workers
from gan_jax.data.examples import Lazy
from gan_jax.errors import UserError, one_line
from gan_jax.runs import cache


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_JAX_IMAGES", raising=False)
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def write(path, value=0, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.arange(size[0] * size[1] * 3).reshape(*size, 3) * 3 + value).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def load(place, split="train", **arguments):
    return data.load("folder", split, path=str(place), **arguments)


# Splits and labels.


def test_a_plain_folder_is_one_split(place):
    written = [write(place / f"{number}.png", number) for number in range(4)]
    made = load(place)
    np.testing.assert_array_equal(made.x, np.stack(written))
    assert (made.x.dtype, made.label, made.classes, made.path) == (np.uint8, None, 0, str(place))
    np.testing.assert_array_equal(load(place, "all").x, made.x)
    np.testing.assert_array_equal(load(place, hold="stream").x[np.arange(4)], made.x)


def test_sub_folders_are_splits_and_classes(place):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                write(place / split / name / f"{number}.png", number)
    (place / "train" / "eel").mkdir()
    train, test = load(place), load(place, "test")
    assert (len(train.x), len(test.x), len(load(place, "all").x)) == (6, 4, 10)
    assert train.class_names == test.class_names == ("cat", "dog", "eel")
    assert train.label is not None
    assert train.label.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.splits == ("train", "test")
    with pytest.raises(UserError, match="no split 'trian'; did you mean train"):
        load(place, "trian")


def test_images_outside_of_classes_leave_a_set_unlabelled(place):
    write(place / "a" / "1.png")
    write(place / "2.png")
    made = load(place)
    assert made.label is None
    assert "1 of its 2 images are not in a sub-folder" in made.unlabelled
    assert load(place, labels=False).unlabelled == ""


@pytest.mark.parametrize("field", ["labels", "paired", "use_pairs"])
@pytest.mark.parametrize("value", ["no", "false", 0, 1, "", ()])
def test_what_is_no_boolean_is_refused(field, value, place):
    write(place / "a" / "1.png")
    with pytest.raises(UserError) as raised:
        load(place, **{field: value})
    assert str(raised.value) == f"config.data.{field} is {value!r}: it must be True or False"


def test_the_test_split_of_a_plain_folder_is_a_part_and_said_so(place, caplog):
    for number in range(40):
        write(place / f"{number}.png", number)
    test = load(place, "test")
    assert 0 < len(test.x) < 12
    assert "train on train[:90%] to keep it out of training" in caplog.text
    assert len(load(place, "train[:90%]").x) + len(test.x) == 40


def names(listed):
    return [file.name for file in listed]


def some(count, start=0):
    return [files.File("", f"{number:04d}.png", 0, 0) for number in range(start, start + count)]


def test_parts_are_a_partition_that_new_files_do_not_move():
    old = some(500)
    low, high = parts.choose(old, "train[:80%]"), parts.choose(old, "train[80%:]")
    assert sorted(names(low) + names(high)) == names(old)
    assert 370 < len(low) < 430
    assert set(names(low)) <= set(names(parts.choose(some(900), "train[:80%]")))
    assert parts.choose(old, "train[:-20%]") == low
    assert parts.choose(old, "train") == old


def test_parts_by_number():
    old = some(50)
    first, rest = parts.choose(old, "train[:20]"), parts.choose(old, "train[20:]")
    assert (len(first), len(rest)) == (20, 30)
    assert sorted(names(first) + names(rest)) == names(old)
    assert names(first) == sorted(names(first))


def test_a_part_held_out_of_a_larger_set_is_a_tenth_of_a_small_one(caplog):
    old = some(50)
    first, last = parts.choose(old, "train[:-5000]"), parts.choose(old, "train[-5000:]")
    assert (first, last) == (parts.choose(old, "train[:90%]"), parts.choose(old, "train[90%:]"))
    assert "a tenth of the 50 files is held out instead" in caplog.text
    assert len(parts.choose(old, "train[-20:]")) == 20


def test_two_numbers_of_files_are_taken_as_they_are(caplog):
    old = some(60)
    sizes = {"-40:-10": 30, "-5000:-10": 50, "5:-40": 15, "30:-40": 0, "-40:50": 30}
    assert {part: len(parts.choose(old, f"train[{part}]")) for part in sizes} == sizes
    assert not {*parts.choose(old, "train[-40:-10]")} & {*parts.choose(old, "train[-10:]")}
    assert not caplog.text


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("train[-5000:]", "train[90%:]", True),
        ("train[-5000:]", "train[-10:]", True),
        ("train", "train[:10]", True),
        ("train[10%:30%]", "train[20%:]", True),
        ("train+test", "train+test", True),
        ("train[80%:90%]", "train[90%:]", False),
        ("train[:-5000]", "train[-5000:]", False),
        ("train[:-20%]", "train[80%:]", False),
        ("train[:10]", "train[90%:]", False),
        ("train[-5000:]", "test", False),
        ("train+test", "test", True),
        ("train[:50%]+test", "train[50%:]", False),
        ("all", "train[90%:]", True),
        ("train[:10_000]", "train", False),  # a notation of TFDS
    ],
)
def test_parts_that_surely_share_files(one, other, shared):
    assert parts.overlap(one, other) == parts.overlap(other, one) == shared
    if shared and "+" not in one and one != "all":
        assert {*parts.choose(some(60), one)} & {*parts.choose(some(60), other)}


def test_more_files_than_there_are_is_warned_of(caplog):
    assert len(parts.choose(some(5), "train[:10]")) == 5
    assert "more files than there are: 5" in caplog.text


def test_a_group_stays_together():
    listed = [files.File("", f"s{person}/{number}.pgm", 0, 0) for person in range(40) for number in range(10)]
    low = parts.choose(listed, "train[:50%]", r"^(s\d+)/")
    per_person = np.bincount([int(file.label[1:]) for file in low], minlength=40)
    assert set(per_person.tolist()) == {0, 10}


@pytest.mark.parametrize(("end", "first"), [("-25", 70), ("7", 0), ("20", 20), ("99", 90), ("100", 100)])
def test_a_group_stays_together_in_parts_by_number(end, first, caplog):
    listed = [files.File("", f"s{person}/{number}.pgm", 0, 0) for person in range(10) for number in range(10)]
    low, high = (parts.choose(listed, f"train[{part}]", r"^s\d+") for part in (f":{end}", f"{end}:"))
    assert len(low) == first
    assert sorted([*low, *high]) == sorted(listed)
    assert not {file.label for file in low} & {file.label for file in high}
    moved = int(end) % 100 not in (first, 0)
    assert (f"train[{end}:]' would cut a group of config.data.group in two" in caplog.text) == moved


@pytest.mark.parametrize("split", ["train[", "train[:90%", "train[a:]", "train[:50%]x", "", "train[10:50%]", "a+b"])
def test_parts_that_are_not_written_so_are_refused(split):
    with pytest.raises(UserError, match="split"):
        parts.choose(some(3), split)


def test_a_wrong_group_is_named():
    with pytest.raises(UserError, match=r"config\.data\.group"):
        parts.choose(some(3), "train[:50%]", "(")


# Paths.


def test_a_relative_path_is_looked_for_in_the_folder_of_images(place, monkeypatch):
    write(place / "1.png")
    monkeypatch.chdir(place.parent)
    assert load("set").path == str(place)
    monkeypatch.setenv("GAN_JAX_IMAGES", str(place.parent))
    monkeypatch.chdir("/")
    assert load("set").path == str(place)
    monkeypatch.setenv("HOME", str(place.parent))
    assert load("~/set").path == str(place)
    with pytest.raises(UserError, match=r"config\.data\.path is sett: there is no .*sett"):
        load("sett")
    with pytest.raises(UserError, match=r"config\.data\.path is not set"):
        data.load("folder", "train")


@pytest.mark.parametrize("path", [".", "./", "./photos", "..", "../set", "../set/photos"])
def test_a_path_from_the_working_directory_is_looked_for_only_there(path, place, monkeypatch):
    write(place / "photos" / "1.png")
    for name in ("photos", "set/photos"):
        write(place.parent / "images" / "below" / name / "2.png")
    monkeypatch.setenv("GAN_JAX_IMAGES", str(place.parent / "images" / "below"))
    monkeypatch.chdir(place)
    assert load(path).path == str((place / path).resolve())
    with pytest.raises(UserError, match=rf"config\.data\.path is \./sett: there is no {place}/sett$"):
        load("./sett")


# Sizes.


def test_sizes_that_differ_are_named_unless_a_size_is_asked_for(place, caplog):
    write(place / "1.png")
    write(place / "2.png", size=(5, 8))
    with pytest.raises(UserError, match=r"1\.png is 6x8; .*2\.png is 5x8.*config\.data\.size"):
        load(place)
    assert load(place, size=4).x.shape == (2, 4, 4, 3)
    assert load(place, size=(3, 7), channels=1).x.shape == (2, 3, 7, 1)
    assert not caplog.text
    assert load(place, size=(6, 8)).x.shape == (2, 6, 8, 3)
    assert "1 of the 2 images checked are enlarged to 6x8" in caplog.text


# Pairs.


def pairs(place, left=("a", "b", "c"), right=("a", "b", "c")):
    for name in left:
        write(place / "photo" / f"{name}.png", ord(name))
    for name in right:
        write(place / "sketch" / f"{name}.jpg", ord(name))
    return {"x": "photo", "source": "sketch"}


def test_pairs_are_found_by_name(place):
    made = load(place, fields=pairs(place))
    assert np.abs(made.x.astype(int) - made.others["source"]).mean() < 20
    assert made.unpaired == ()


@pytest.mark.parametrize(("fit", "alike"), [("crop", [(12, 16), (3, 4)]), ("pad", [(13, 16)]), ("centre", [])])
def test_partners_that_would_be_cut_differently_are_refused(place, fit, alike, capsys):
    """Each is cut around its own centre: what a 6x16 photo loses on both sides its 6x8 sketch would keep."""
    write(place / "photo" / "a.png")
    arguments = {"fields": {"x": "photo", "source": "sketch"}, "size": 3, "fit": fit}
    for size in ((6, 8), *alike):
        write(place / "sketch" / "a.png", size=size)
        load(place, **arguments)
    write(place / "sketch" / "a.png", size=(6, 16))
    message = (
        r"paired files of different sizes \(.*a\.png is 6x16; .*a\.png is 6x8\) would be cropped or padded differently"
    )
    with pytest.raises(UserError, match=message):
        load(place, **arguments).x  # noqa: B018
    load(place, **{**arguments, "fit": "stretch"})
    load(place, **arguments, paired=False)


def test_the_order_of_fields_does_not_matter(place):
    fields = pairs(place)
    one, other = (load(place, fields=dict(order)) for order in (fields.items(), reversed(fields.items())))
    assert one.content == other.content
    np.testing.assert_array_equal(one.others["source"], other.others["source"])


def test_a_file_without_partner_is_refused_or_skipped(place, capsys):
    fields = pairs(place, right=("a", "c", "d"))
    with pytest.raises(UserError, match=r"2 files have no partner of the same name \(source d; x b\)"):
        load(place, fields=fields)
    assert len(load(place, fields=fields, damaged="skip").x) == 2


@pytest.mark.parametrize("field", ["photo", "sketch"])
def test_two_files_of_one_name_have_no_partner(field, place):
    fields = pairs(place)
    write(place / field / "a.bmp")
    with pytest.raises(UserError, match=rf"{field}/a\.bmp and .*{field}/a\.\w+ have the same name"):
        load(place, fields=fields)
    assert len(load(place, fields=fields, paired=False).arrays["x" if field == "photo" else "source"]) == 4


def test_unpaired_fields_have_numbers_of_their_own(place):
    made = load(place, fields=pairs(place, right=("d", "e")), paired=False)
    assert (len(made.x), len(made.others["source"]), made.unpaired) == (3, 2, ("source",))


@pytest.mark.parametrize(("whole", "split"), [("sketch", "photo"), ("photo", "sketch")])
def test_unpaired_fields_have_splits_of_their_own(whole, split, place, caplog):
    for number in range(40):
        write(place / whole / f"{number}.png", number)
        write(place / split / ("test" if number < 9 else "train") / f"{number}.png", number)
    fields = {"x": "photo", "source": "sketch"}
    sizes = {}
    for part in ("train", "train[:90%]", "test"):
        made = load(place, part, fields=fields, paired=False, hold="stream")
        assert (folder.actual(part, made) == part) == (part != "test" or split == "photo")
        sizes[part] = {fields[name]: len(values) for name, values in made.arrays.items()}
    assert (sizes["train"], sizes["test"][split]) == ({whole: 40, split: 31}, 9)
    assert 0 < sizes["test"][whole] == 40 - sizes["train[:90%]"][whole]
    field = "x" if whole == "photo" else "source"
    warned = f"there is no sub-folder test for the field {field}: split 'test' is train[90%:]"
    assert [warned in record.getMessage() for record in caplog.records] == [True]
    with pytest.raises(UserError, match=f"no sub-folder test for the field {field}; use a part of train"):
        load(place, "test[:50%]", fields=fields, paired=False)


def test_pairs_that_are_not_used_are_found_all_the_same(place):
    made = load(place, fields=ConfigDict(pairs(place)), use_pairs=False)  # as it comes from a config
    assert np.abs(made.x.astype(int) - made.others["source"]).mean() < 20
    assert (made.unpaired, made.shuffled, made.apart) == ((), ("source",), ("source",))
    with pytest.raises(UserError, match=r"config\.data\.use_pairs is False, but folder has no field other than x"):
        load(place / "photo", use_pairs=False)


def test_fields_without_partners_may_also_be_told_that_pairs_are_not_used(place):
    """So that a config for known pairs, as emoji_cyclegan, takes two folders of other pictures."""
    fields = pairs(place, right=("d", "e"))
    made = load(place, fields=fields, paired=False, use_pairs=False)
    assert (made.unpaired, made.shuffled) == (("source",), ())
    assert made.others["source"].shape == load(place, fields=fields, paired=False).others["source"].shape


@pytest.mark.parametrize("fields", [{"source": "sketch"}, {"x": "photo", "label": "sketch"}, {"x": "fotos"}, {"x": 1}])
def test_wrong_fields_are_refused(fields, place):
    pairs(place)
    with pytest.raises(UserError, match=r"config\.data\.fields|no such folder; did you mean photo"):
        load(place, fields=fields)


@pytest.mark.parametrize("fields", ["photo", ("photo", "sketch"), 3, True, ""])
def test_fields_that_are_no_mapping_are_refused(fields, place):
    pairs(place)
    with pytest.raises(UserError) as raised:
        load(place, fields=fields)
    assert str(raised.value).startswith(
        f"config.data.fields is {fields!r}: it must map each field to a name, such as {{'x'"
    )


def test_a_folder_may_be_named_by_a_number(place, monkeypatch):
    monkeypatch.setenv("GAN_JAX_IMAGES", str(place))
    write(place / "2024" / "1.png")
    assert data.load("folder", "train", path=2024).path == str(place / "2024")
    with pytest.raises(UserError, match=r"config\.data\.path is 2025: there is no "):
        data.load("folder", "train", path=2025)


# Bad files.


def test_all_damaged_files_are_named_and_nothing_is_left(place, tmp_path):
    for number in range(60):
        write(place / f"{number}.png", number)
    whole = (place / "3.png").read_bytes()
    (place / "3.png").write_bytes(whole[: len(whole) // 2])
    (place / "7.png").write_text("text")
    (place / "notes.txt").write_text("text")
    with pytest.raises(UserError, match="2 of 60 examples cannot be read") as info:
        load(place)
    assert "3.png" in one_line(info.value)
    assert "7.png" in one_line(info.value)
    assert [path for path in (tmp_path / "cache" / "data").iterdir() if path.is_dir()] == []
    made = load(place, damaged="skip")
    assert len(made.x) == 58


def test_foreign_files_are_counted(place, capsys):
    write(place / "1.png")
    (place / "notes.txt").write_text("text")
    assert len(load(place).x) == 1
    assert "1 files are left out" in capsys.readouterr().err


def test_images_beside_splits_are_counted(place, capsys):
    for name in ("train/1.png", "cats/2.png", "3.png"):
        write(place / name)
    assert len(load(place, "all").x) == 1
    assert "2 images are left out, because they are not in the folder of a split (train" in capsys.readouterr().err


@pytest.mark.parametrize("content", [(), ("notes.txt",)])
def test_an_empty_folder_is_refused(content, place):
    for name in content:
        (place / name).write_text("text")
    with pytest.raises(UserError, match="has no images"):
        load(place)


def test_names_that_are_not_utf_8(place):
    write(place / "1.png")
    (place / "1.png").rename(place / os.fsdecode(b"\xff\xfe.png"))
    (place / "2.png").write_bytes((place / os.fsdecode(b"\xff\xfe.png")).read_bytes())
    assert len(load(place).x) == 2
    assert len(load(place, "train[:100%]").x) == 2
    (place / os.fsdecode(b"\xfe.png")).write_text("text")
    with pytest.raises(UserError, match="1 of 3") as info:
        load(place, size=4)
    one_line(info.value).encode()  # can be printed


def test_links_that_loop_are_followed_once(place):
    write(place / "a" / "1.png")
    (place / "a" / "again").symlink_to(place)
    (place / "a" / "nothing").symlink_to(place / "gone")
    assert len(load(place).x) == 1


def test_a_file_that_changes_while_it_is_streamed_is_named(place):
    write(place / "1.png")
    write(place / "2.png")
    made = load(place, hold="stream")
    assert isinstance(made.x, Lazy)
    write(place / "2.png", 9, size=(6, 9))
    with pytest.raises(UserError, match=r"2\.png: it has changed"):
        made.x[1]
    (place / "1.png").unlink()
    with pytest.raises(UserError, match=r"1\.png"):
        made.x[np.array([0])]


def test_a_changed_file_is_decoded_anew_and_older_arrays_are_deleted(place, tmp_path):
    write(place / "1.png")
    first = np.array(load(place).x)
    write(place / "1.png", 50)
    os.utime(place / "1.png", ns=(1, 1))
    np.testing.assert_array_equal(load(place).x, first + 50)
    assert len([path for path in (tmp_path / "cache" / "data").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("paired", [True, False])
def test_the_same_files_chosen_in_another_way_keep_their_arrays(paired, place, capsys):
    """Such as both directions of a translation, which are trained in turn."""
    fields = pairs(place)
    turned = {"x": fields["source"], "source": fields["x"]}
    ways = [{"fields": given, "paired": paired} for given in (fields, turned, None, {"x": "photo"})]
    ways += [ways[0] | {"damaged": "skip"}, ways[0] | {"group": "^a"}]
    for arguments in ways:
        load(place, labels=False, **arguments)
    assert "decoding " in capsys.readouterr().err
    for arguments in ways:
        load(place, labels=False, **arguments)
    assert "decoding " not in capsys.readouterr().err


def test_arrays_that_another_process_makes_are_not_deleted(place, tmp_path):
    examples = many(place, 3).examples
    busy = tmp_path / "cache" / "data" / (examples.key.rpartition("-")[0] + "-0")
    busy.with_name(f"{busy.name}.part").mkdir(parents=True)
    with cache.alone(busy):
        store.decoded(examples)
        assert busy.with_name(f"{busy.name}.part").is_dir()
    store._delete_older(busy.with_name(examples.key))
    assert sorted(path.name for path in busy.parent.iterdir()) == sorted([examples.key, f".{examples.key}.lock"])


def test_the_arrays_of_a_pair_are_checked_once(place, monkeypatch):
    fields = pairs(place)
    load(place, fields=fields)
    summary, read = decoding.summary, []
    monkeypatch.setattr(decoding, "summary", lambda *given: read.append(given) or summary(*given))
    load(place, fields=fields)
    assert len(read) == 1


@pytest.mark.parametrize("damaged", ["ignore", 1])
def test_damaged_has_two_values(damaged, place):
    write(place / "1.png")
    with pytest.raises(UserError, match=r"config\.data\.damaged"):
        load(place, damaged=damaged)


@pytest.mark.parametrize("field", ["unlabelled_folder", "group"])
@pytest.mark.parametrize("value", [0, 1, None, True, ("a",)])
def test_what_is_text_is_not_a_number(field, value, place):
    for name in ("0/1.png", "1/1.png"):
        write(place / name)
    with pytest.raises(UserError) as raised:
        load(place, **{field: value})
    assert str(raised.value) == f"config.data.{field} is {value!r}: it must be a string, such as '0', or '' for none"
    assert load(place, unlabelled_folder="0").class_names == ("1",)


# Arrays.


def test_arrays_by_path(place):
    x = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)
    np.save(place / "a.npy", x)
    np.savez(place / "b.npz", images=x, labels=np.array([0, 1, 2, 1, 0]), extra=np.ones((5, 2), np.float32))
    np.testing.assert_array_equal(load(place / "a.npy").x, x)
    made = load(place / "b.npz")
    np.testing.assert_array_equal(made.x, x)
    assert (made.classes, made.others["extra"].shape) == (3, (5, 2))
    both = [load(place / "b.npz", split) for split in ("train[:50%]", "train[50%:]")]
    assert sum(len(each.x) for each in both) == 5


def test_all_parts_of_labelled_arrays_have_the_same_classes(place):
    x = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    np.savez(place / "a.npz", x=x, label=np.arange(40) // 2)
    parts_of = [load(place / "a.npz", split) for split in ("train", "train[:80%]", "train[80%:]", "train[:1]")]
    assert [made.classes for made in parts_of] == [20] * 4
    assert all((made.label == made.x.ravel() // 2).all() for made in parts_of)


@pytest.mark.parametrize("split", ["train", "train[:90%]"])
@pytest.mark.parametrize(
    ("name", "shape"), [("label", (120,)), ("label", (80,)), ("extra", (120, 2)), ("extra", (80, 2)), ("extra", ())]
)
def test_arrays_of_another_length_are_refused_in_every_part(name, shape, split, place):
    made = np.ones(shape, np.int32 if name == "label" else np.float32)
    np.savez(place / "a.npz", x=np.full((100, 2, 2, 1), 9, np.uint8), **{name: made})
    with pytest.raises(UserError) as raised:
        load(place / "a.npz", split)
    wrong = f"a.npz: {name} is {made.dtype} {list(shape)}: it must have one entry for each of the 100 examples"
    assert str(raised.value).endswith(wrong)


@pytest.mark.parametrize("split", ["train", "train[:50%]"])
def test_a_single_label_of_arrays_is_left_out_with_the_reason_in_every_part(split, place):
    np.savez(place / "a.npz", x=np.full((9, 2, 2, 1), 9, np.uint8), label=np.int32(1))
    made = load(place / "a.npz", split)
    assert (made.label, made.unlabelled) == (None, "they are int32 [], not [n]; use label.reshape(-1)")


def test_labels_of_arrays_may_be_left_out(place):
    np.savez(place / "a.npz", x=np.full((4, 2, 2, 1), 9, np.uint8), label=np.arange(4))
    made = load(place / "a.npz", "train[:2]", labels=False)
    assert (made.label, made.classes, made.unlabelled, [*made.arrays]) == (None, 0, "", ["x"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": 4},
        {"size": 8},
        {"fit": "pad"},
        {"group": "^a"},
        {"unlabelled_folder": "unsorted"},
        {"damaged": "skip"},
        {"paired": False},
        {"fields": ConfigDict({"x": "photos", "source": "sketches"})},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_only_files_take_is_refused_of_arrays(wrong, place):
    np.savez(place / "a.npz", x=np.full((4, 2, 2, 1), 9, np.uint8))
    with pytest.raises(UserError, match=rf"config\.data\.{next(iter(wrong))} is .* set it to") as refused:
        load(place / "a.npz", **wrong)
    assert "\n" not in str(refused.value)
    assert load(place / "a.npz", channels=1, size=2, fields={}).shape == (2, 2, 1)
    np.save(place / "b.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(
        UserError, match=r"config\.data\.channels is 1, but the examples in .* are \(2,\): .* set it to 3"
    ):
        load(place / "b.npy", channels=1)


@pytest.mark.parametrize("name", ["1.png", "1.JPG"])
@pytest.mark.parametrize("arguments", [{}, {"fit": "pad"}])
def test_a_picture_is_not_a_folder(name, arguments, place):
    write(place / name)
    with pytest.raises(
        UserError, match=rf"config\.data\.path is {place / name}, which is one picture: set it to the p"
    ):
        load(place / name, **arguments)


def test_arrays_that_are_none_are_refused(place):
    (place / "a.npz").write_bytes(b"text")
    np.savez(place / "b.npz", z=np.zeros(3))
    np.save(place / "c.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name, expected in (
        ("a.npz", "cannot be read"),
        ("b.npz", "one of them must be x"),
        ("c.npy", "cannot be read"),
    ):
        with pytest.raises(UserError, match=expected):
            load(place / name)


# The store.


def many(place, count=700):
    for number in range(count):
        write(place / f"{number:04d}.png", number % 200, size=(4, 4))
    return data.load("folder", "train", path=str(place), hold="stream").x


def test_processes_decode_what_one_would(place, monkeypatch):
    lazy = many(place)
    decoded = store.decoded(lazy.examples)
    np.testing.assert_array_equal(decoded.arrays["x"], np.asarray(lazy))
    assert decoded == (decoded.arrays, store._in_memory(lazy.examples).fingerprint, decoded.limits)


def test_an_interrupted_decoding_goes_on(place, monkeypatch):
    lazy = many(place, 64)
    done = []

    def stopped(part, examples, number, indices):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(number)
        return write_chunk(part, examples, number, indices)

    write_chunk = decoding.write_chunk
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "write_chunk", stopped)
        with pytest.raises(KeyboardInterrupt):
            store.decoded(lazy.examples)
    again = []
    monkeypatch.setattr(decoding, "write_chunk", lambda *a: (again.append(a[2]), write_chunk(*a))[1])
    np.testing.assert_array_equal(store.decoded(lazy.examples).arrays["x"], np.asarray(lazy))
    assert not {*done} & {*again}
    assert len(done) + len(again) == 16


@pytest.mark.parametrize("change", ["flipped", "cut", "about", "gone"])
def test_damaged_arrays_are_an_error_that_names_the_folder(change, place, tmp_path):
    write(place / "1.png")
    load(place)
    (folder,) = (path for path in (tmp_path / "cache" / "data").iterdir() if path.is_dir())
    content = (folder / "x.npy").read_bytes()
    match change:
        case "flipped":
            (folder / "x.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut":
            (folder / "x.npy").write_bytes(content[:-1])
        case "about":
            (folder / "about.json").write_text("[]")
        case "gone":
            (folder / "x.npy").unlink()
    with pytest.raises(UserError, match="damaged: delete it") as info:
        load(place)
    assert str(folder) in one_line(info.value)


def test_a_full_disk_decodes_into_memory(place, monkeypatch, capsys, tmp_path):
    write(place / "1.png")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    made = load(place)
    assert made.x.shape == (1, 6, 8, 3)
    assert "No space left" in capsys.readouterr().err
    assert [path for path in (tmp_path / "cache" / "data").iterdir() if path.is_dir()] == []


def test_two_processes_decode_a_set_once(place, tmp_path):
    many(place)
    code = f"from gan_jax import data; data.load('folder', 'train', path={str(place)!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    messages = "".join(process.communicate(timeout=120)[1] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert messages.count("decoding") == 1


def dies(number):
    if number == 3:
        os.kill(os.getpid(), 9)
    return number


def test_a_worker_that_is_killed_is_one_line(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 2)  # with one, the parts are done in this process
    with pytest.raises(UserError, match="a worker process died"):
        list(workers.run(dies, [(number,) for number in range(8)], workers.FEW))


def test_workers_do_not_import_jax():
    code = "import sys; from gan_jax.data import workers, store, folder, tfds; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# The shared folders, as users have them.


def test_faces_by_person(images_dir):
    made = load(images_dir / "att_faces", size=64, channels=1)
    assert (made.x.shape, made.classes) == ((400, 64, 64, 1), 40)
    held_out = load(images_dir / "att_faces", "train[90%:]", size=64, channels=1, group=r"^s\d+")
    assert set(np.bincount(held_out.label, minlength=40).tolist()) == {0, 10}


def test_emoji_in_pairs(images_dir):
    fields = {"x": "noto", "source": "twemoji"}
    made = load(images_dir / "emoji", "test", fields=fields, size=64)
    assert made.x.shape == made.others["source"].shape == (239, 64, 64, 3)
    assert json.loads(json.dumps(made.splits)) == ["train", "test"]
