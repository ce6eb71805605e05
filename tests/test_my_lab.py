"""What adding something costs, by doing it outside of the package: tests/my_lab. Each config trains, and is drawn."""

import math

import pytest
from conftest import ROOT
from my_lab import configs as lab

from gan_jax.command.overrides import apply
from gan_jax.config import ConfigDict
from gan_jax.errors import UserError
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from gan_jax.training import loop

pytestmark = pytest.mark.heavy

CONFIGS = {name: getattr(lab, name) for name in ("margin", "resnet", "lazy_term", "pix2pix", "cycle_gan")}
LOGGED = {
    "margin": {"critic/margin", "generator/margin"},
    "resnet": {"critic/bce"},
    "lazy_term": {"critic/mine", "critic/fake_gradient_norm"},
    "pix2pix": {"generator/l1", "generator/non_saturating"},
    "cycle_gan": {"critics/x", "critics/source", "generators/cycle", "generators/identity"},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_it_trains_logs_its_terms_and_is_drawn(name, tmp_path):
    config, run_dir = CONFIGS[name](), RunDirectory(tmp_path / name)
    loop.run(config, run_dir)
    rows = read_rows(run_dir.metrics)
    assert len(rows) == 4
    assert LOGGED[name] <= rows[-1].keys()
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert run_dir.sample(4).stat().st_size > 0
    if name == "lazy_term":
        assert [row["critic/mine"] > 0 for row in rows] == [False, True, False, True]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "networks.generator.name",
            "my_lab.resnet:Generater",
            "my_lab.resnet has no 'Generater'; did you mean Generator",
        ),
        ("networks.generator.name", "my_lab.resnets:Generator", "there is no module 'my_lab.resnets'"),
        ("networks.generator.name", "my_lab.resnet:", "package.module:object"),
        ("networks.generator.name", "my_lab.broken:Generator", "importing my_lab.broken: ZeroDivisionError"),
    ],
)
def test_a_name_outside_of_the_package_that_is_wrong_is_one_line(field, value, message, tmp_path, monkeypatch):
    (tmp_path / "my_lab_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    config = lab.resnet()
    config.update_from_flattened_dict({field: value.replace("my_lab.broken", "my_lab_broken")})
    with pytest.raises(UserError, match=message.replace("my_lab.broken", "my_lab_broken")):
        loop.run(config, RunDirectory(tmp_path / "run"))


def test_the_lab_touches_nothing_of_the_package():
    assert not [
        path for path in (ROOT / "gan_jax").rglob("*.py") if "my_lab" in path.read_text().replace("my_lab.", "")
    ]


def test_the_command_line_can_set_what_a_module_takes_and_drop_a_block():
    config = ConfigDict(lab.resnet())
    changed = apply(config, ["--config.networks.generator.blocks=2"])
    assert changed.networks.generator.blocks == 2
