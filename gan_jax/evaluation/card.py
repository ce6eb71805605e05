"""The card of an exported model, README.md in Hugging Face's form: YAML, then Markdown.

Fields: https://huggingface.co/docs/hub/model-cards. JSON values are YAML too.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax.core.state import TrainState
from gan_jax.evaluation import programs
from gan_jax.evaluation.programs import Program
from gan_jax.runs import weights

_TASKS = {"sample": "unconditional-image-generation", "translate": "image-to-image", "reconstruct": "image-to-image"}


def write(
    name: str,
    config: ConfigDict,
    state: TrainState,
    scores: Mapping[str, Any],
    made: Sequence[Program],
    left_out: Mapping[str, str],
) -> str:
    """Returns the text of a card.

    name: the model's name. scores: the evaluation at its step, by `evaluator/value`. made: its programs. left_out: why
    a prediction has none.
    """
    values = {key: value for key, value in scores.items() if key not in ("step", "seed") and _is_score(value)}
    sections = [
        f"---\n{_front_matter(name, config, values, made)}---\n\n# {name}\n",
        _training(config, state),
        _scores(values),
        _files(state, made, left_out),
        _use(made),
        "## Licence\n\nNone is stated. Whoever publishes the model chooses one; the data's licence may restrict it.\n",
    ]
    return "\n".join(sections)


def _front_matter(name: str, config: ConfigDict, values: Mapping[str, float], made: Sequence[Program]) -> str:
    family = config.objective.name.partition(".")[0]
    task = next((_TASKS[each.use] for each in made if each.use in _TASKS), "other")
    lines: dict[str, Any] = {
        "library_name": "gan_jax",
        "license": "unknown",
        "pipeline_tag": task,
        "tags": sorted({"jax", "flax", "gan" if "critic" in config.networks else family, config.objective.name}),
        "datasets": [config.data.name],
        "metrics": list(values),
    }
    if values:
        results = {
            "task": {"type": task},
            "dataset": {"type": config.data.name, "name": config.data.name},
            "metrics": [{"type": key.split("/")[1], "name": key, "value": value} for key, value in values.items()],
        }
        lines["model-index"] = [{"name": name, "results": [results]}]
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())


def _training(config: ConfigDict, state: TrainState) -> str:
    networks = ", ".join(f"{role} `{block.name}`" for role, block in config.networks.items())
    return (
        f"Trained by gan_jax with the objective `{config.objective.name}` on the data set `{config.data.name}`, split "
        f"`{config.data.split}`, for {int(state.step):,} steps of batches of {config.batch_size}. Networks: {networks}."
        " `config.json` has all values, the versions of packages and the commit. To train the model again:\n\n"
        f"    python -m gan_jax.main --config=config.json --config.steps={int(state.step)} --workdir=runs/again\n"
    )


def _scores(values: Mapping[str, float]) -> str:
    if not values:
        return "## Scores\n\nThe model was not evaluated at this step.\n"
    rows = "".join(f"| `{key}` | {value:.6g} |\n" for key, value in values.items())
    return f"## Scores\n\n| evaluation | value |\n|---|---|\n{rows}"


def _files(state: TrainState, made: Sequence[Program], left_out: Mapping[str, str]) -> str:
    arrays = weights.named(state.players)
    parts = ", ".join(f"`{part}`" for part in sorted({"/".join(name.split("/")[:2]) for name in arrays}))
    rows = f"| `model.safetensors` | {len(arrays)} arrays: {parts} |\n| `config.json` | the run's config |\n"
    for program in made:
        inputs = ", ".join(f"{field} {words}" for field, words in program.inputs.items())
        rows += f"| `{programs.FILES[program.use]}` | {inputs} -> {program.output} |\n"
    notes = [f"There is no `{programs.FILES[use]}`: {why}" for use, why in left_out.items()]
    if "sample" not in {program.use for program in made} | {*left_out}:
        notes.append("There is no `sampler.stablehlo`: the model cannot make samples from noise alone.")
    averages = ", and `ema` their moving averages, which predictions use" if "/ema`" in parts else ""
    notes.append(f"`params` are the weights as trained{averages}.")
    return f"## Files\n\n| file | contents |\n|---|---|\n{rows}\n" + "\n".join(notes) + "\n"


def _use(made: Sequence[Program]) -> str:
    ways = ['import gan_jax\n\nrun = gan_jax.load(".")  # this folder; needs gan_jax, not the data']
    for program in made[:1]:
        file, fields = programs.FILES[program.use], ", ".join(program.inputs)
        call = f'from jax import export\n\nprogram = export.deserialize(bytearray(open("{file}", "rb").read()))'
        ways.append(f"{call}\nmade = program.call({fields})  # needs only JAX; any n; {', '.join(programs.PLATFORMS)}")
    ways.append('from safetensors.numpy import load_file\n\narrays = load_file("model.safetensors")')
    return "## Use\n\n" + "\n".join(f"```python\n{way}\n```\n" for way in ways)


def _is_score(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)  # counts and settings of a row are not floats
