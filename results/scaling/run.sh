#!/usr/bin/env bash
# Measures what results/scaling/README.md shows, on a machine with two processors that does nothing else:
#     bash results/scaling/run.sh train|prune|model|links [FOLDER OF THE BUILT APPS, build/quickstart/apps unless given]
# train: one process on one processor and two on two take turns. prune: the same for the masks of a search.
# model: what a node computes, and the steps that the model expects. links (as root): so many nodes (variable `nodes`), each
# a process in a network namespace of its own; relay.py joins them by links of a bandwidth and a delay (variable `links`:
# "Mb/s:ms …"); what the model expects of each link is computed from the layers' times without limits.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
apps=$(cd "${2:-$root/build/quickstart/apps}" && pwd)
launch="mpirun -np 2 --bind-to core"
if [[ $EUID == 0 ]]; then launch+=" --allow-run-as-root"; fi
step=("$apps/fftconv-bench" --network cnn-small --shards 2 --threads 1 --rounds 3)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

train() {
    for turn in 1 2 3; do
        echo "turn $turn, one process: $(taskset -c 0 "${step[@]}" --batch 128 | grep ^step)"
        echo "turn $turn, two processes: $($launch "${step[@]}" --batch 128 | grep ^step)"
    done
    # What the machine itself allows: two programs that have nothing to do with each other, side by side.
    echo "half of it, alone: $(taskset -c 0 "${step[@]}" --batch 64 | grep ^step)"
    taskset -c 1 "${step[@]}" --batch 64 >other.txt &
    echo "half of it, in each of two programs side by side: $(taskset -c 0 "${step[@]}" --batch 64 | grep ^step)"
    wait
    grep ^step other.txt
}

# Of a search of 1 and of one of 61 masks the difference is what 60 masks take.
prune() {
    "$apps/fftconv-train" --architecture mnist-16-32-64 --batch-norm --limit 4000 --validation 0.5 --batch 128 \
        --epochs 1 --threads 1 --out net.h5 >/dev/null 2>&1
    local search=("$apps/fftconv-prune" --checkpoint net.h5 --threads 1 --timing-rounds 1 --recalibrate 1
        --granularity feature-map --ratio 0.5 --overwrite --out p.h5)
    seconds() { # COMMAND...
        local start=$EPOCHREALTIME
        "$@" >/dev/null 2>&1
        awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
    }
    for turn in 1 2 3; do
        local one few_of_one two few_of_two
        few_of_one=$(seconds taskset -c 0 "${search[@]}" --candidates 1)
        one=$(seconds taskset -c 0 "${search[@]}" --candidates 61)
        few_of_two=$(seconds $launch "${search[@]}" --candidates 1)
        two=$(seconds $launch "${search[@]}" --candidates 61)
        awk -v turn=$turn -v a="$few_of_one" -v b="$one" -v c="$few_of_two" -v d="$two" 'BEGIN {
            printf "turn %d: 60 masks, one process %.2f s, two %.2f s, ratio %.2f (the rest of a run: %.2f s, %.2f s)\n",
                turn, b - a, d - c, (b - a) / (d - c), a, c }'
    done
}

model() {
    local drawings=${drawings:-$root/results/scaling}
    for network in ${networks:-cnn-small cnn-large}; do
        "$apps/fftconv-bench" --network $network --batch 256 --shards 1 --threads 1 --rounds 1 \
            --drawing "$drawings/$network.svg"
    done
}

# A process in a network namespace of its own for each node; relay.py is the network between them.
links() {
    local nodes=${nodes:-2} hosts=() names=()
    for ((node = 1; node <= nodes; ++node)); do
        names+=("node-$node")
        hosts+=("10.77.0.$node:1")
    done
    trap 'for name in $(ip netns list | grep -o "^node-[0-9]*"); do ip netns del $name; done; rm -rf "$work"' EXIT
    for name in "${names[@]}"; do ip netns add "$name"; done
    # What mpirun starts its other parts with, in the place of ssh.
    cat >agent <<'AGENT'
#!/usr/bin/env bash
node=node-${1##*.}
shift
exec ip netns exec $node unshare -u bash -c "hostname $node; $*"
AGENT
    chmod +x agent
    local tcp="--mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24"
    local all=${links:-1000:0 300:0 1000:2 1000:5 1000:20}
    for link in 0:0 $all; do
        coproc relay { exec python3 "$root/results/scaling/relay.py" "${link%:*}" "${link#*:}" "${names[@]}"; }
        local pid=$relay_PID ready
        read -r ready <&"${relay[0]}"
        echo "## $nodes nodes, $link"
        ip netns exec node-1 unshare -u bash -c "hostname node-1; mpirun --allow-run-as-root --bind-to none \
            --mca plm_rsh_agent $work/agent $tcp --host $(IFS=,; echo "${hosts[*]}") -np $nodes bash -c \
            'exec taskset -c \$((OMPI_COMM_WORLD_RANK % $(nproc))) $apps/fftconv-bench --network cnn-small \
            --threads 1 --rounds 3 --batch $((32 * nodes)) --shards $nodes --links 0:0,${all// /,}'" |
            if [[ $link == 0:0 ]]; then cat; else grep ^step; fi
        kill "$pid" && wait "$pid" 2>/dev/null || true
    done
}

"$1"
