#!/usr/bin/env bash
# Makes results/benchmark/benchmark.h5 anew, in about a quarter of an hour on a machine that does nothing else. Needs the
# apps built with oneDNN (libdnnl-dev), and python3-torch. What is there already is not timed again.
#     bash results/benchmark/run.sh [FOLDER OF THE BUILT APPS, build/quickstart/apps unless given]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
apps=$(cd "${1:-$root/build/quickstart/apps}" && pwd)
mkdir -p "$root/results/benchmark/parts"
cd "$root/results/benchmark/parts"

time_experiment() { # NAME OPTIONS...
    local file=${1//\//_}.h5
    parts+=("$1=$file")
    if [[ ! -e $file ]]; then
        # Moved when it is whole: a file that is here is a finished experiment.
        "$apps/fftconv-bench" "${@:2}" --out unfinished.h5
        mv unfinished.h5 "$file"
    fi
}

wide32='64,64,32,5,2;128,128,32,3,1' wide16='32,64,16,5,2;128,128,16,3,1' wide8='256,256,8,3,1'
timing='--rounds 7 --slice 0.1' two='--threads 1,2 --rounds 15 --slice 0.2'
pruned="--engine fft,auto --pruned 0.75,0.85,0.95 $timing"
parts=()
time_experiment forward --engine fft,auto $timing
time_experiment pruned/maps_32 --layer "$wide32" --batch 16 $pruned
time_experiment pruned/maps_16 --layer "$wide16" --batch 64 $pruned
time_experiment pruned/maps_12 --layer 20,32,12,5,0 --batch 50 $pruned
time_experiment pruned/maps_8 --layer "$wide8" --batch 128 $pruned
time_experiment backward_input --pass backward-input --engine fft,auto $timing
time_experiment backward_weights --pass backward-weights --engine fft,auto $timing
time_experiment step --layer 128,128,16,3,1 --batch 64 --pass step --pruned 0,0.75,0.9 --rounds 9
time_experiment easy_convolution_pooling --layer '64,64,32,5,2;32,64,16,5,2;20,32,12,5,0' --batch 50 \
    --mode 0 --inverse folded,full $timing
time_experiment threads/maps_32 --layer "$wide32" --batch 16 $two
time_experiment threads/maps_16 --layer "$wide16" --batch 64 $two
time_experiment threads/maps_8 --layer "$wide8" --batch 128 $two
time_experiment tiles --tiles 3 --peer direct --rounds 5
time_experiment pytorch/two_conv_max --network two-conv --batch 50 --threads 1,2 --rounds 7 \
    --pytorch $root/apps/bench/pytorch.py
time_experiment pytorch/two_conv_ecp --network two-conv --batch 50 --pooling ecp --threads 1,2 --rounds 7 \
    --pytorch $root/apps/bench/pytorch.py
time_experiment pytorch/cnn_small_one_image --network cnn-small --batch 1 --threads 1 --rounds 7 \
    --pytorch $root/apps/bench/pytorch.py
time_experiment pytorch/cnn_small --network cnn-small --batch 128 --threads 1,2 --pruned 0,0.75 --rounds 3 \
    --pytorch $root/apps/bench/pytorch.py
rm -f whole.h5
"$apps/fftconv-results" collect whole.h5 "${parts[@]}"
mv whole.h5 ../benchmark.h5
