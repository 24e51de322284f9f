#!/usr/bin/env bash
# Measures what results/scaling/README.md shows, on a machine with two processors that does nothing else:
#     bash results/scaling/run.sh train|prune|model|links [FOLDER OF THE BUILT APPS, build/quickstart/apps unless given]
# train: one process on one processor and two on two take turns. prune: the same for the masks of a search.
# model: what a node computes, and the steps that the model expects. links (as root): two processes in network
# namespaces of their own, joined by a link that is slowed by a token bucket.
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

# The two ends of a link: namespaces ends-a and ends-b, 10.77.0.1 and 10.77.0.2.
links() {
    trap 'ip netns del ends-a; ip netns del ends-b; rm -rf "$work"' EXIT
    ip netns add ends-a
    ip netns add ends-b
    ip link add link-a netns ends-a type veth peer name link-b netns ends-b
    for end in a b; do
        ip netns exec ends-$end ip addr add 10.77.0.$([[ $end == a ]] && echo 1 || echo 2)/24 dev link-$end
        ip netns exec ends-$end ip link set link-$end up
        ip netns exec ends-$end ip link set lo up
    done
    # What mpirun starts its other half with, in the place of ssh.
    cat >agent <<'AGENT'
#!/usr/bin/env bash
[[ $1 == 10.77.0.2 ]] && end=ends-b || end=ends-a
shift
exec ip netns exec $end unshare -u bash -c "hostname $end; $*"
AGENT
    chmod +x agent
    local tcp="--mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24"
    for rate in unlimited 1gbit 300mbit; do
        for end in a b; do
            ip netns exec ends-$end tc qdisc del dev link-$end root 2>/dev/null || true
            [[ $rate == unlimited ]] ||
                ip netns exec ends-$end tc qdisc add dev link-$end root tbf rate $rate burst 256k latency 200ms
        done
        echo "## $rate"
        ip netns exec ends-a unshare -u bash -c "hostname ends-a; mpirun --allow-run-as-root --bind-to none \
            --mca plm_rsh_agent $work/agent $tcp --host 10.77.0.1:1,10.77.0.2:1 -np 2 \
            bash -c 'exec taskset -c \$OMPI_COMM_WORLD_RANK ${step[*]} --batch 64'"
    done
}

"$1"
