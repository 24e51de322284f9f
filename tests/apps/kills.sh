#!/usr/bin/env bash
# Kills processes of mpirun at random, again and again, resumes with a random number of them, and compares what comes
# out with a run that was left alone: every array of every file, bit for bit, but for times. By hand, not in ctest:
#     [PYTHON=python3 with h5py] bash tests/apps/kills.sh FOLDER OF THE APPS [KILLS, 200 unless given] [SEED, 1 unless given] \
#         [MORE OPTIONS OF fftconv-prune, as '--shards 3']
set -euo pipefail
apps=$(cd "$1" && pwd) kills=${2:-200} more=${4:-}
RANDOM=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
launch="mpirun --oversubscribe --mca mpi_yield_when_idle 1 --mca orte_abort_on_non_zero_status 1"
if [[ $EUID == 0 ]]; then launch+=" --allow-run-as-root"; fi
prune="$apps/fftconv-prune --checkpoint net.h5 --threads 1 --timing-rounds 1 --granularity feature-map,kernel
    --ratio 0.25,0.25:0.5:0.25 --criterion best-of-n,l2 --candidates 40 --repeat 2 --retrain-epochs 1 --layers conv2 $more"
limit="--limit 2000 --validation 0.2 --batch 50 --threads 1"
"$apps"/fftconv-train --architecture 1x28x28:6C5v-P2-8C5v-P2-20FC-10Softmax --batch-norm $limit --epochs 2 --out net.h5
before=$EPOCHREALTIME
$prune --out whole.h5 >whole.txt 2>&1
whole=$(awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }') # seconds

same() { # two results and the folders of their points
    "${PYTHON:-python3}" - "$1" "$2" <<'PYTHON'
import pathlib, sys
import h5py, numpy

TIMES = ("_time", "_seconds")
UNLIKE = ("calls", "baseline", "config")  # who called when, and the options' file names

def arrays(path):
    found = {}
    def visit(name, item):
        timed = name.endswith(TIMES) or any(part in UNLIKE for part in name.split("/"))
        if isinstance(item, h5py.Dataset) and not timed:
            found[name] = item[()]
    with h5py.File(path) as file:
        file.visititems(visit)
    return found

def equal(a, b):
    if a.dtype.kind in "OS":
        return numpy.array_equal(a, b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()

files = [(sys.argv[1], sys.argv[2])]
folders = [pathlib.Path(name + ".points") for name in sys.argv[1:3]]
names = [sorted(p.name for p in folder.glob("*.h5")) for folder in folders]
assert names[0] == names[1], (names[0], names[1])
files += [(folders[0] / name, folders[1] / name) for name in names[0]]
for one, other in files:
    a, b = arrays(one), arrays(other)
    assert a.keys() == b.keys(), (one, a.keys() ^ b.keys())
    for name in a:
        assert equal(numpy.asarray(a[name]), numpy.asarray(b[name])), (str(other), name)
PYTHON
}

# Whether mpirun ends within 10 seconds of a kill. Open MPI 4.1's own may hang where the process was killed while it
# joined ("PMIX ERROR: UNREACHABLE"): then none of ours may be left, and mpirun is killed too.
hung=0
ends() { # PID OF mpirun
    for ((tenth = 0; tenth < 100; ++tenth)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    local left
    left=$(ps -o pid= -o stat= --ppid "$1" | awk '$2 !~ /^Z/ { print $1 }')
    [[ -z $left ]] || { echo "processes $left live 10 s after another was killed" && return 1; }
    grep -q "PMIX ERROR" run.txt || { echo "mpirun has not ended 10 s after a kill" && return 1; }
    hung=$((hung + 1))
    kill -KILL "$1"
}

killed=0 runs=0
while ((killed < kills)); do
    rm -rf parts.h5 parts.h5.points parts.h5.lock
    runs=$((runs + 1))
    while true; do
        count=$((1 + RANDOM % 3)) resume=()
        [[ -e parts.h5 ]] && resume=(--resume)
        $launch -np $count $prune --out parts.h5 "${resume[@]}" >run.txt 2>&1 &
        mpirun=$!
        until pgrep -P "$mpirun" >/dev/null || ! kill -0 "$mpirun" 2>/dev/null; do sleep 0.05; done
        sleep "$(awk -v whole="$whole" -v random="$RANDOM" 'BEGIN { print 1.1 * whole * random / 32768 }')"
        # One of the processes, not mpirun, which then ends the others.
        mapfile -t processes < <(pgrep -P "$mpirun")
        if ((${#processes[@]} > 0 && killed < kills)) &&
            kill -KILL "${processes[RANDOM % ${#processes[@]}]}" 2>/dev/null; then
            killed=$((killed + 1))
            ends "$mpirun" || exit 1
            wait "$mpirun" && break # it had been done
        else
            wait "$mpirun" && break
            cat run.txt && exit 1
        fi
    done
    same whole.h5 parts.h5
    echo "run $runs: $killed kills so far ($hung hung mpirun), and the files are those of a run that was left alone"
done
