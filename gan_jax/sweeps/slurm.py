"""The SLURM launcher: one job array of the plain commands, with a task for each program.

A task that is asked to stop, 120 s before its time is up or by `scancel --signal=TERM`, saves its run and is requeued.
SLURM itself requeues a task that it preempts, or whose machine fails. A task ends with
`python -m gan_jax.sweeps.slurm FOLDER STATUS`.
"""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gan_jax.errors import UserError
from gan_jax.runs.files import atomically
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps.plan import Program

FOLDER = "slurm"
AGAIN = 75  # EX_TEMPFAIL: a task that must continue later
SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}%{slots}
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --open-mode=append
#SBATCH --output={output}
{options}
cd {here}
run=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {programs})
rm -f "$run/{failure}"
log="${{run//%/%%}}/{log}"
srun --output="$log" --open-mode=append {python} -m gan_jax.main --config="$run/config.json" --workdir="$run"
{python} -m gan_jax.sweeps.slurm "$run" $?
if [ $? = {again} ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"; fi
"""


def submit(folder: Path, programs: Sequence[Program], *, slots: int, options: Sequence[str]) -> str | None:
    """Submits the unfinished programs, at most `slots` at a time. Returns the job's number, or None if there are none.

    `options` are those of sbatch, such as '--partition=gpu'. Raises UserError if there is no SLURM, if a job of this
    folder is still queued, or with sbatch's message if it refuses.
    """
    if shutil.which("sbatch") is None:
        raise UserError("--launcher=slurm: there is no sbatch on this machine: use --launcher=local, or a login node")
    slurm = folder.absolute() / FOLDER
    _check_queue(slurm)
    due = [p for p in programs if folders.progress(folder / p.folder, p.values).state not in folders.SETTLED]
    if not due:
        return None
    with atomically(slurm / "programs.txt") as file:
        file.write("".join(f"{folder.absolute() / program.folder}\n" for program in due).encode())
    output = str(slurm).replace("%", "%%") + "/%a.log"  # "%%" is a percent sign to SLURM
    texts = {"name": folder.absolute().name, "output": output, "programs": slurm / "programs.txt"}
    texts |= {"here": Path.cwd(), "python": sys.executable}
    words = {key: shlex.quote(str(text)) for key, text in texts.items()}  # sbatch reads quotes too
    words |= {"last": len(due) - 1, "slots": slots, "again": AGAIN, "failure": folders.FAILURE, "log": folders.LOG}
    words["options"] = "\n".join(f"#SBATCH {shlex.quote(option)}" for option in options)
    with atomically(slurm / "array.sh") as file:
        file.write(SCRIPT.format(**words).encode())
    job = _output(["sbatch", "--parsable", str(slurm / "array.sh")]).split(";")[0].strip()
    with atomically(slurm / "job") as file:
        file.write(f"{job}\n".encode())
    return job


def conclude(run_dir: Path, status: int) -> int:
    """Returns a task's exit status from that of its command: AGAIN if the run was stopped and must continue."""
    values = json.loads((run_dir / "config.json").read_text())["config"]
    if status == 0 and folders.progress(run_dir, values).state != "done":
        return AGAIN
    return int(folders.conclude(run_dir, values, status).state != "done")


def _check_queue(slurm: Path) -> None:
    path = slurm / "job"
    if not path.exists():
        return
    job = path.read_text().strip()
    done = subprocess.run(["squeue", "--noheader", f"--jobs={job}"], capture_output=True, text=True)
    if done.returncode == 0 and done.stdout.strip():  # squeue does not know a job that ended long ago
        raise UserError(f"job {job} of this sweep is still in the queue: wait for it, or end it with scancel {job}")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        raise UserError(f"{shlex.join(command)}: {' '.join(error.stderr.split())}") from error


if __name__ == "__main__":
    sys.exit(conclude(Path(sys.argv[1]), int(sys.argv[2])))
