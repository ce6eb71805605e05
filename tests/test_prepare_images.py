"""scripts/prepare_images.py on small packages of the same form."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from gan_jax.data import images, load
from scripts.prepare_images import PrepareError, base, emoji, pairs

ABOUT = [
    {"image": "1f44c.png", "category": "People & Body", "skin_variations": {"1F3FB": {"image": "1f44c-1f3fb.png"}}},
    {"image": "0023-fe0f-20e3.png", "category": "Symbols"},
    {"image": "2600-fe0f.png", "category": "Symbols"},
]


def package(path, style, names=("1f44c", "1f44c-1f3fb", "0023-fe0f-20e3", "2600-fe0f"), about=ABOUT):
    members = {f"package/img/{style}/64/{name}.png": f"{style} {name}".encode() for name in names}
    members |= {f"package/img/{style}/32/{name}.png": b"another size" for name in names}
    members |= {"package/emoji.json": json.dumps(about).encode()} if about else {}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_pairs_and_their_split(tmp_path):
    packages = [
        package(tmp_path / "t.tgz", "twitter"),
        package(tmp_path / "g.tgz", "google", names=("1f44c", "2600-fe0f")),
    ]
    assert "0 pairs to train on and 2 to test on" in emoji(packages, tmp_path / "emoji")
    assert (tmp_path / "emoji/noto/test/1f44c.png").read_bytes() == b"google 1f44c"
    assert (tmp_path / "emoji/twemoji/test/2600-fe0f.png").read_bytes() == b"twitter 2600-fe0f"
    lines = (tmp_path / "emoji/categories.csv").read_text().splitlines()
    assert lines[:2] == ["file,split,category", "1f44c.png,test,People & Body"]
    with pytest.raises(PrepareError, match="already exists"):
        emoji(packages, tmp_path / "emoji")


def test_variants_share_their_base():
    assert base("1f44c-1f3fb.png", "People & Body") == base("1f44c.png", "People & Body") == "1f44c"
    assert base("0023-fe0f-20e3.png", "Symbols") == "0023-20e3"


def test_what_is_no_such_package_is_one_line(tmp_path):
    google = package(tmp_path / "g.tgz", "google")
    (tmp_path / "text.tgz").write_text("text")
    wrong = {
        "same style": [google, google],
        "not a complete .tgz": [google, tmp_path / "text.tgz"],
        "is not emoji-datasource-google or": [google, package(tmp_path / "a.tgz", "apple")],
        "no img": [google, package(tmp_path / "n.tgz", "twitter", about=None)],
    }
    for expected, packages in wrong.items():
        with pytest.raises(PrepareError, match=expected):
            emoji(packages, tmp_path / "emoji")
    script = Path(__file__).parents[1] / "scripts" / "prepare_images.py"
    command = [sys.executable, script, "emoji", tmp_path / "text.tgz", tmp_path / "gone.tgz", f"--out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def joined(path, left, right, width=6, mode="RGB"):
    """A picture whose halves are of one colour each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new(mode, (width, 4), left)
    picture.paste(right, (width // 2, 0, width, 4))
    picture.save(path)


def test_joined_pairs_are_cut_in_the_middle(tmp_path):
    joined(tmp_path / "set/train/1.png", (9, 8, 7), (1, 2, 3))
    joined(tmp_path / "set/test/2.bmp", (4, 4, 4), (5, 5, 5))
    (tmp_path / "set/notes.txt").write_text("no picture")
    assert pairs(tmp_path / "set", tmp_path / "out", ("photo", "map")) == f"{tmp_path / 'out'}: 2 pairs"
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert found == {"photo/train/1.png", "map/train/1.png", "photo/test/2.png", "map/test/2.png"}
    for name, colour in (("photo", (9, 8, 7)), ("map", (1, 2, 3))):
        with Image.open(tmp_path / "out" / name / "train/1.png") as half:
            assert half.size == (3, 4)
            assert half.getcolors() == [(12, colour)]
    dataset = load("folder", "test", path=str(tmp_path / "out"), fields={"x": "photo", "source": "map"}, size=4)
    assert (dataset.x.shape, dataset.others["source"].shape) == ((1, 4, 4, 3), (1, 4, 4, 3))


def test_joined_pairs_are_turned_and_converted_and_hidden_files_left_out(tmp_path):
    joined(tmp_path / "set/grey.png", 1, 2, mode="L")
    (tmp_path / "set/._grey.png").write_bytes(b"of another system")
    turned = Image.new("CMYK", (4, 6), (0, 255, 255, 0))  # of 6x4 pixels, once it is turned
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "set/turned.jpg", exif=exif)
    command = [sys.executable, "scripts/prepare_images.py", "pairs", tmp_path / "set", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"{tmp_path / 'out'}: 2 pairs\n"
    with Image.open(tmp_path / "out/left/turned.png") as half, Image.open(tmp_path / "out/right/grey.png") as grey:
        assert (half.size, half.mode, grey.mode, grey.getcolors()) == ((3, 4), "RGB", "L", [(12, 2)])


@pytest.mark.parametrize("kind", ["16 bits", "big-endian", "grey with alpha", "palette with transparency"])
def test_halves_are_what_the_whole_picture_is_read_as(kind, tmp_path):
    values = np.arange(96, dtype=np.uint16).reshape(8, 12) * 682
    path, eight = tmp_path / "set" / "one.png", (values >> 8).astype(np.uint8)
    path.parent.mkdir()
    if kind == "16 bits":
        path = path.with_suffix(".pgm")
        path.write_bytes(b"P5 12 8 65535\n" + values.astype(">u2").tobytes())
    elif kind == "big-endian":
        path = path.with_suffix(".tif")
        Image.fromarray(values.astype(">u2")).save(path)
    elif kind == "grey with alpha":
        Image.merge("LA", [Image.fromarray(eight), Image.fromarray(eight[::-1].copy())]).save(path)
    else:
        Image.fromarray(eight).convert("P").save(path, transparency=3)
    pairs(tmp_path / "set", tmp_path / "out")
    for channels in (1, 3, 4):
        how = images.Reading(channels=channels)
        halves = [images.read(tmp_path / "out" / side / "one.png", how) for side in ("left", "right")]
        np.testing.assert_array_equal(np.concatenate(halves, axis=1), images.read(path, how))


def test_what_are_no_joined_pairs_is_named(tmp_path):
    def refused(message, names=("left", "right")):
        with pytest.raises(PrepareError, match=message):
            pairs(tmp_path / "set", tmp_path / "out", names)
        assert not (tmp_path / "out").exists()

    (tmp_path / "set").mkdir()
    refused("has no pictures")
    joined(tmp_path / "set/a.png", 1, 2, width=5, mode="L")
    refused(r"a\.png is 5 pixels wide: the width of a pair must be even")
    joined(tmp_path / "set/a.png", 1, 2, mode="L")
    for names in (("same", "same"), ("../a", "b"), ("train", "b"), ("", "b")):
        refused("they must be two different folder names", names)
    joined(tmp_path / "set/a.bmp", 1, 2, mode="L")
    refused(r"a\.bmp and .*a\.png would have the same name")
    (tmp_path / "set/a.bmp").unlink()
    (tmp_path / "set/b.jpg").write_bytes(b"no picture")
    refused(r"b\.jpg is not a readable picture")
    (tmp_path / "set/b.jpg").unlink()
    pairs(tmp_path / "set", tmp_path / "out")
    with pytest.raises(PrepareError, match="already exists"):
        pairs(tmp_path / "set", tmp_path / "out")
