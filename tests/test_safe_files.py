"""Files of others: nothing in them is run or unpickled, images have bounds, and the report escapes what it shows."""

import ast
import json
import re

import pytest
from conftest import build_on
from test_imports import FILES, PACKAGE, imports

from gan_jax import config
from gan_jax.errors import UserError
from gan_jax.reporting import report
from gan_jax.runs.directory import RunDirectory

SCRIPTS = sorted((PACKAGE.parent / "scripts").glob("*.py"))
RUN_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
EVIL = "<script>alert(1)</script>"


OWN = {
    "workers.py",  # between a process and those that it has started, by pipes
    "convert_lpips.py",  # whose unpickler allows the names of arrays alone: test_lpips.py
}
"""Files that unpickle what is not anybody's."""


def calls(file):
    """(dotted name, keyword arguments) of every call in a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


@pytest.mark.parametrize("file", [*FILES, *SCRIPTS], ids=lambda file: file.name)
def test_nothing_is_unpickled_or_evaluated(file):
    assert file.name in OWN or not {name.split(".")[0] for name in imports(file)} & RUN_CODE
    for name, words in calls(file):
        assert name not in ("eval", "exec", "compile", "__import__"), file
        if name in ("np.load", "numpy.load", "np.lib.format.read_array", "np.save", "np.savez", "np.savez_compressed"):
            assert words.get("allow_pickle") == "False", (file, name)
        if name.endswith("Image.open"):
            assert "formats" in words, (file, name)


def test_only_configs_and_plans_of_sweeps_are_run_as_code():
    assert {file.name for file in FILES if "exec_module" in file.read_text()} <= {"python_files.py"}


@pytest.mark.parametrize(
    "name", ["os.system", "..main.main", "adversarial.jax", "adversarial.__builtins__", "os:system", "subprocess:run"]
)
def test_a_runs_config_names_only_what_is_meant_to_be_named(tiny, tmp_path, name):
    """A run's config.json is data: a name in it leads to what a module lists for configs, or nowhere."""
    values = config.to_json(tiny())
    values["objective"]["name"] = name
    (tmp_path / "config.json").write_text(json.dumps({"format": config.FORMAT, "config": values}))

    with pytest.raises(UserError):
        build_on(config.load(tmp_path / "config.json"), (8, 8, 1))


def test_the_report_escapes_all_that_it_shows(tiny, tmp_path):
    run_dir = RunDirectory(tmp_path / EVIL.replace("/", ""))
    run_dir.samples.mkdir(parents=True)
    values = config.to_json(tiny())
    values["objective"]["name"] = values["data"]["name"] = EVIL
    values[EVIL] = EVIL
    run: dict = {"format": config.FORMAT, "config": values}
    run |= {"versions": {EVIL: EVIL}, "devices": [EVIL], "git": {"commit": EVIL, "changed": True}}
    run_dir.config.write_text(json.dumps(run))
    rows = [{"step": step, "seconds": 1.0, f"{EVIL}/loss": 1.0, f"{EVIL}/distance": 2.0} for step in (1, 2)]
    run_dir.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_dir.evaluations.write_text(json.dumps({"step": 1, f"{EVIL}/value": 1.0}) + "\n")
    report.write(run_dir)
    page = run_dir.report.read_text()
    assert page.count("&lt;script&gt;") >= 10
    own = len(re.findall(r"<script", re.sub(r"(<script>).*?(</script>)", r"\1\2", page, flags=re.DOTALL)))
    assert own == 3  # the values, Plotly and the page's script
    assert EVIL not in page
