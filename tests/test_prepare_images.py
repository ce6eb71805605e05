"""scripts/prepare_images.py on small packages of the same form."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts.prepare_images import PrepareError, base, emoji

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
    with pytest.raises(PrepareError, match="is there already"):
        emoji(packages, tmp_path / "emoji")


def test_variants_share_their_base():
    assert base("1f44c-1f3fb.png", "People & Body") == base("1f44c.png", "People & Body") == "1f44c"
    assert base("0023-fe0f-20e3.png", "Symbols") == "0023-20e3"


def test_what_is_no_such_package_is_one_line(tmp_path):
    google = package(tmp_path / "g.tgz", "google")
    (tmp_path / "text.tgz").write_text("text")
    wrong = {
        "same style": [google, google],
        "no whole .tgz": [google, tmp_path / "text.tgz"],
        "no package of": [google, package(tmp_path / "a.tgz", "apple")],
        "no img": [google, package(tmp_path / "n.tgz", "twitter", about=None)],
    }
    for expected, packages in wrong.items():
        with pytest.raises(PrepareError, match=expected):
            emoji(packages, tmp_path / "emoji")
    script = Path(__file__).parents[1] / "scripts" / "prepare_images.py"
    command = [sys.executable, script, "emoji", tmp_path / "text.tgz", tmp_path / "gone.tgz", f"--out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
