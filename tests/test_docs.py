"""README.md and docs/: snippets run, commands have flags, files and fields that exist, links lead somewhere."""

import ast
import json
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import ROOT
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import experiments
from gan_jax.command import flags as command_flags
from gan_jax.command import overrides
from gan_jax.config.values import flatten
from gan_jax.core import steps
from gan_jax.data.source import Source
from gan_jax.data.spec import spec_of
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators import sample_metrics
from gan_jax.runs import alarms

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "scripts/README.md"]
TEXTS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in FILES}
PLACEHOLDERS = {"X", "x", "test_x", "DIR", "FILE", "RUN", "NAME"}
MLP = {"generator": {"name": "mlp.Generator", "widths": (4,)}, "critic": {"name": "mlp.Critic", "widths": (4,)}}
SMALL = {"steps": 2, "steps_per_call": 2, "batch_size": 4}


class Command(NamedTuple):
    """A command line of a page."""

    page: str
    words: list[str]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"

    @property
    def fields(self) -> list[str]:
        return [word for word in self.words if word.startswith("--config.")]

    def flag(self, name: str) -> str | None:
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"--{name}=")), None)

    def runs(self, program: str) -> bool:
        return program in self.words[:3]


def snippets(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", TEXTS[page], re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[Command]:
    """The commands in a page's indented blocks and in its `code`, that start with a program that we know."""
    text = re.sub(r"^```.*?^```", "", TEXTS[page], flags=re.DOTALL | re.MULTILINE)
    blocks = re.sub(r"\\\n", " ", "\n".join(re.findall(r"^    .*$", text, re.MULTILINE))).splitlines()
    inline = [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", re.sub(r"^    .*$", "", text, flags=re.M))]
    lines = [part.strip() for line in [*blocks, *inline] for part in line.split(" && ")]
    programs = ("python ", "make ", "pip ", ".venv/bin/", "gan-jax ")
    return [Command(page, shlex.split(line, comments=True)) for line in lines if line.startswith(programs)]


ALL = [command for page in TEXTS for command in commands(page)]
OURS = [command for command in ALL if command.runs("gan_jax.main")]
TRIED = [command for command in OURS if "mine" in str(command)]


def file_of(snippet: str) -> str | None:
    """The file that a snippet is, by its first line: `# mine/terms.py`."""
    found = re.match(r"# (mine/\w+\.py)\b", snippet)
    return found and found[1]


def is_placeholder(path: str) -> bool:
    return bool({*re.split(r"[/.:]", path)} & PLACEHOLDERS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """By page, a folder with the files that its snippets are."""
    made = {}
    for page in TEXTS:
        made[page] = tmp_path_factory.mktemp(Path(page).stem)
        for snippet in snippets(page):
            if name := file_of(snippet):
                (made[page] / "mine").mkdir(exist_ok=True)
                (made[page] / name).write_text(snippet, "utf-8")
    return made


@pytest.fixture
def in_page(folders, monkeypatch):
    """`in_page(page)`: the page's own files can be imported, and are forgotten afterwards."""

    def enter(page: str) -> Path:
        monkeypatch.chdir(folders[page])
        monkeypatch.syspath_prepend(folders[page])
        return folders[page]

    yield enter
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]


@pytest.mark.parametrize("page", [page for page in TEXTS if snippets(page)])
def test_snippets_run(page, in_page):
    in_page(page)
    for number, snippet in enumerate(snippets(page)):
        names: dict = {"__name__": f"{page}_{number}"}
        exec(compile(snippet, f"{page}, snippet {number}", "exec"), names)
        if "train_step" in names:
            assert int(names["now"].step) == 10
            assert all(np.isfinite(value) for value in names["metrics"].values())
        for made in ("get_sweep", "get_config"):
            if made in names:
                names[made]()


@pytest.mark.parametrize("command", TRIED, ids=str)
def test_extensions_train(command, in_page):
    """As the command says, but for the networks that are not the page's own, which are small here, and its length."""
    in_page(command.page)
    config = overrides.apply(configs.load(command.flag("config") or command_flags.CONFIG), command.fields)
    networks = {role: block for role, block in config.networks.to_dict().items() if "mine" in str(block)}
    mine = {name: block for name, block in (config.get("evaluators") or {}).items() if "mine" in block.name}
    with config.unlocked():
        config.networks, config.evaluators = ConfigDict({**MLP, **networks}), ConfigDict(mine)
    config.update(SMALL)
    rows, values = trained(config)
    assert all(np.isfinite(value).all() and len(value) == 2 for value in rows.values())
    objective = [field for field in command.fields if field.startswith("--config.objective=")]
    for name in re.findall(r"'(\w+)': \{'name': 'mine\.", " ".join(objective)):
        assert {f"critic/{name}", f"generator/{name}"} & rows.keys()
    assert all(any(value.startswith(name) for value in values) for name in mine)


def trained(config: ConfigDict) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The metrics of two steps, and what the evaluators measure after them."""
    source = Source(config.data)
    dataset = source.load(config.data.split)
    built = experiments.build(config, spec_of(dataset))
    evaluators = evaluate.make(config, built, source.load)
    executor = experiments.make_executor(config, built, dataset)
    state, rows = executor.run(executor.put([built.init(built.keys.init)]), 0, 2)
    values = evaluate.measure(evaluators, built, executor.get(state, 0).players) if evaluators else {}
    return {name: np.asarray(value) for name, value in executor.get(rows, 0).items()}, values


@pytest.mark.parametrize("command", OURS, ids=str)
def test_commands_have_flags_files_and_fields_that_exist(command, in_page):
    in_page(command.page)
    words = [word for word in command.words[3:] if "FIELD" not in word.upper()]
    values, fields = command_flags.parse(["gan_jax", *words])
    command_flags.check(values)
    assert values.help or values.workdir or not words
    file = command.flag("config")
    if file and is_placeholder(file):
        return
    config = configs.load(file if file and file.startswith("mine/") else ROOT / (file or command_flags.CONFIG))
    assert isinstance(overrides.apply(config, fields), ConfigDict)


@pytest.mark.parametrize("command", [command for command in ALL if command not in OURS], ids=str)
def test_other_commands_exist(command):
    program = command.words[0]
    scripts = [word for word in command.words[:2] if word.startswith("scripts/")]
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert command.words[1] in targets
    elif program == "gan-jax":
        assert "[project.scripts]\ngan-jax" in (ROOT / "pyproject.toml").read_text()
    elif scripts:
        flags = {word.partition("=")[0] for word in command.words[2:] if word.startswith("--")}
        assert {flag for flag in flags if not flag.startswith("--config.")} <= flags_of(ROOT / scripts[0])
        check_file(command.flag("config"))
        check_file(command.flag("sweep"))
    else:
        extras = re.findall(r"\[(\w+)\]", " ".join(command.words))
        assert all(re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.M) for extra in extras)


def flags_of(script: Path) -> set[str]:
    """The flags that a script, or what it imports of gan_jax, defines."""
    source = script.read_text("utf-8")
    imported = [
        ROOT / f"{name.replace('.', '/')}.py" for name in re.findall(r"^from (gan_jax[\w.]*) import", source, re.M)
    ]
    sources = [source, *(path.read_text("utf-8") for path in imported if path.is_file())]
    return {"--help", *(flag for text in sources for flag in re.findall(r'"(--\w+)"', text))}


def check_file(path: str | None) -> None:
    assert path is None or is_placeholder(path) or (ROOT / path).is_file()


def refusal(config: ConfigDict, argument: str) -> str:
    """What is said against an override, which may be one of another config."""
    try:
        overrides.apply(config, shlex.split(argument))
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("page", TEXTS)
def test_fields_files_and_links_exist(page):
    """Of what a page names in passing, each field of a config, each file of the project, each link."""
    text, folder = TEXTS[page], (ROOT / page).parent
    config = configs.load(command_flags.CONFIG)
    for argument in re.findall(r"`(--config\.[\w.]+=[^`]*)`", text):
        if "FIELD" in argument.upper():
            continue
        assert "unknown" not in refusal(config, argument), argument
    for path in re.findall(r"`((?:gan_jax|configs|scripts|tests)/[\w./-]*)`", text):
        assert is_placeholder(path) or (ROOT / path).exists(), path
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"(?:\]\(|href=\"|src=\")([^)\"#]+)", prose):
        assert link.startswith("https://") or (folder / link).exists(), link


def test_the_command_line_page_names_every_mode_flag_field_and_step_rule():
    text = TEXTS["docs/command-line.md"]
    values = command_flags.define()
    for flag in values:
        assert flag == "help" or f"`--{flag}" in text, flag
    for mode in values["mode"].parser.enum_values:  # pyrefly: ignore[missing-attribute]
        assert f"`{mode}`" in text, mode
    named = [*configs.defaults(), *configs.BLOCKS, *configs.OPTIONAL_BLOCKS, *configs.player({}), *steps.__all__]
    assert [name for name in named if f"`{name}`" not in text] == []
    for field, value in flatten(configs.defaults().to_dict()):
        if row := re.search(rf"^\| `{field}` \| (\S+) \|", text, re.MULTILINE):
            assert row[1].strip("`") in (str(value), json.dumps(value)), field


def test_the_page_of_alarms_names_every_alarm():
    named = re.findall(r"^\| ([^|`]+?) \| ", TEXTS["docs/alarms.md"], re.MULTILINE)
    assert {*named} - {"alarm"} == {rule.name for rule in (*alarms.RULES, alarms.BROKEN)}
    limits = {
        "the critic is too strong": (alarms.SURE, alarms.WIDE),
        "the generator's gradient has vanished": (alarms.VANISHED, alarms.TELLS),
        "the players' gradients are unequal": (alarms.UNEQUAL,),
        "the critic's gradients are not 1": (alarms.SLACK, 1, alarms.STEEP),
        "the fakes have collapsed": (alarms.SAME,),
        "the fakes repeat themselves": (alarms.REPEATED,),
        "kinds of examples are missing": (alarms.AWAY,),
    }
    for name, values in limits.items():
        (last,) = re.findall(rf"^\| {name} \|.*\|([^|]+)\|$", TEXTS["docs/alarms.md"], re.MULTILINE)
        assert [float(number) for number in re.findall(r"\d+(?:\.\d+)?", last)] == [*values], name
    start = f"Rules start at step {alarms.SETTLED} and after {2 * alarms.STRETCH} rows."
    assert start in TEXTS["docs/alarms.md"]
    ends = f"below {alarms.EMPTY:g} nats", f"most {alarms.BETTER:g} times", f"than {1 / alarms.BETTER:g} times"
    assert [end for end in ends if end not in TEXTS["docs/alarms.md"]] == []


def test_readme_is_two_pages():
    assert len(TEXTS["README.md"].splitlines()) <= 120


def test_each_value_of_an_evaluator_is_in_the_docs():
    made = {name for measure in sample_metrics.MEASURES.values() for name in measure.names}
    for file in (ROOT / "gan_jax" / "evaluation" / "evaluators").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        names = [call.args[0] for call in calls if getattr(call.func, "id", "") == "Evaluator"]
        words = [node.value for name in names for node in ast.walk(name) if isinstance(node, ast.Constant)]
        made |= {word.strip("/") for word in words if word.strip("/")}
    known = set(re.findall(r"`([^`]+)`", TEXTS["docs/evaluation.md"]))
    assert {"nll", "largest_angle", "frechet", "nearest_closer"} <= made
    assert {name for name in made if name not in known and f"/{name}" not in known} <= {"input_", "pca_"}
