#!/usr/bin/env bash
# Runs a small sweep on a real SLURM of this machine, takes one of its tasks off by a signal, and compares the table with
# that of the local launcher. Installs Debian's slurm-wlm and munge, starts them on 127.0.0.1 alone, stops them again.
#
#     sudo scripts/test_slurm.sh [PYTHON]        # as root, on Debian 12 or later; PYTHON: .venv/bin/python
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath --no-symlinks "${1:-.venv/bin/python}")
place=$(mktemp -d /tmp/slurm_test.XXXXXX)
started=() ours=

stop() {
    status=$?
    [ -z "$ours" ] || rm -f "$ours"
    scancel --user=root 2>/dev/null || true
    for ((n = ${#started[@]} - 1; n >= 0; n--)); do
        kill "${started[n]}" 2>/dev/null || true
        wait "${started[n]}" 2>/dev/null || true
    done
    [ $status = 0 ] && rm -rf "$place" || echo "failed: logs are in $place" >&2
}
trap stop EXIT

await() { # what, seconds, condition ...
    for ((n = 0; n < $2 * 5; n++)); do
        "${@:3}" && return
        sleep 0.2
    done
    echo "$1 did not happen in $2 s" >&2
    exit 1
}

install() {
    local policy=/usr/sbin/policy-rc.d
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
    # So that the packages' own services, with their own configuration, are not started.
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && ours=$policy; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >"$place/apt.log" 2>&1
    [ -z "$ours" ] || rm -f "$ours"
}

start_slurm() {
    local host
    host=$(hostname -s)
    mkdir "$place/state" "$place/spool"
    head -c 1024 /dev/urandom >"$place/munge.key"
    chmod 400 "$place/munge.key"
    cat >"$place/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=16817
SlurmdPort=16818
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$place/slurm.conf
    run_in_background munged --foreground --force --key-file="$place/munge.key" --socket="$place/munge.socket" \
        --pid-file="$place/munged.pid" --log-file="$place/munged.log" --seed-file="$place/munged.seed"
    await "munge's start" 20 test -S "$place/munge.socket"
    run_in_background slurmctld -D
    run_in_background slurmd -D
    await "the node's start" 60 is_idle
}

run_in_background() {
    "$@" >"$place/$1.log" 2>&1 &
    started+=($!)
}

is_idle() { sinfo --noheader --format=%T 2>/dev/null | grep -q '^idle'; }
is_stopped_and_back() { grep -qs 'stopped by SIGTERM' "$1/log.txt" && grep -qs 'resuming' "$1/log.txt"; }
has_rows() { [ -s "$1/metrics.jsonl" ] && [ "$(wc -l <"$1/metrics.jsonl")" -lt 150 ]; }
queue_is_empty() { [ -z "$(squeue --noheader 2>/dev/null)" ]; }

cat >"$place/tiny.py" <<'SWEEP'
from gan_jax.config import load
from gan_jax.sweeps.cells import grid
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep


def get_sweep():
    cells = grid({"objective.name": ["adversarial.minimax", "adversarial.non_saturating"], "samplers.z.dim": [2, 4, 8]})
    small = {
        "steps": 200, "batch_size": 8, "steps_per_call": 1, "log_every_steps": 1, "sample_every_steps": 200,
        "checkpoint_every_steps": 100, "networks.generator.widths": (8, 4), "networks.critic.widths": (4, 8),
    }
    metrics = [Metric("critic/loss"), Metric("generator/loss")]
    return Sweep(load(CONFIGS / "digits_dcgan.py"), cells, Seeds(1), small, metrics=metrics)
SWEEP

install
start_slurm
echo "SLURM $(sinfo --version) runs; the sweep, by --launcher=slurm"
sweep=("$python" scripts/sweep.py "--sweep=$place/tiny.py")
"${sweep[@]}" "--workdir=$place/slurm" --launcher=slurm --slots=2
first=$(head -n 1 "$place/slurm/slurm/programs.txt")
await "the first task's first rows" 300 has_rows "$first"
job=$(cat "$place/slurm/slurm/job")
timeout 20 scancel --signal=TERM "${job}_0" 2>/dev/null || true # it may wait for an answer of a task that is gone
echo "task ${job}_0 was asked to stop"
await "the stopped task's return" 300 is_stopped_and_back "$first"
await "the end of all tasks" 900 queue_is_empty
"${sweep[@]}" "--workdir=$place/slurm" --launcher=slurm --slots=2 >/dev/null
echo "the same sweep, by the local launcher"
"${sweep[@]}" "--workdir=$place/local" >/dev/null 2>&1
cmp "$place/slurm/ablation.md" "$place/local/ablation.md"
cmp "$place/slurm/ablation.json" "$place/local/ablation.json"
echo "the tables are the same, byte for byte"
echo "the same sweep, by two tasks a run, which find each other"
"${sweep[@]}" "--workdir=$place/tasks" --launcher=slurm --slots=1 --sbatch="--ntasks=2"
await "the end of all tasks" 900 queue_is_empty
"${sweep[@]}" --status "--workdir=$place/tasks" | tee "$place/status" && grep -q "^6 done" "$place/status"
for run in $(cat "$place/tasks/slurm/programs.txt"); do
    [ "$("$python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["devices"]))' "$run/config.json")" = 2 ]
done
echo "each was played by the devices of both"
