#!/usr/bin/env bash
# Figure 3b: kernel and feature-map pruning of lenet-6-16-120 with 20 epochs of retraining, five networks. Run again, it resumes.
#   bash results/pruning-mnist/run.sh BIN FOLDER [SEEDS]
# BIN: the folder of the apps; FOLDER: where networks and results go (the networks of ../pruning-mnist-recalibrated/run.sh
# are taken where they are there); FFTCONV_DATA: the folder with mnist.
set -euo pipefail
bin=$1 folder=$2 seeds=${3:-1 2 3 4 5}
mkdir -p "$folder"
bin=$(realpath "$bin")
export FFTCONV_DATA=$(realpath "${FFTCONV_DATA:-datasets}")
cd "$folder"

# A file that is there is resumed; it is made under another name first, so that a kill leaves no half.
train() { # seed
    [[ -f lenet-6-16-120-$1.h5 ]] && return
    "$bin/fftconv-train" --architecture lenet-6-16-120 --dataset mnist --batch-norm --batch 128 --optimizer rmsprop --rate 0.001 \
        --schedule cosine --epochs 6 --validation 0.1 --keep-best --threads 1 --seed "$1" \
        $([[ -f lenet-$1.training.h5 ]] && echo --resume) --out "lenet-$1.training.h5" >>"lenet-6-16-120-$1.txt"
    mv "lenet-$1.training.h5" "lenet-6-16-120-$1.h5"
}

prune() { # name seed, then options
    local name=$1-$2 seed=$2
    shift 2
    [[ -f $name.done ]] && return
    "$bin/fftconv-prune" --checkpoint "lenet-6-16-120-$seed.h5" --layers conv2,conv3 --batch 128 --candidates 100 --optimizer rmsprop \
        --retrain-epochs "${EPOCHS:-20}" --threads 1 --seed "$seed" --timing-rounds 1 "$@" \
        $([[ -f $name.h5 ]] && echo --resume) --out "$name.h5" >>"$name.txt"
    touch "$name.done"
}

for seed in $seeds; do
    train "$seed"
    prune figure-3b-kernels "$seed" --granularity kernel --ratio 0.5:0.9:0.1
    # the control of the kernels, nothing pruned and retrained alike, stands for the maps too
    prune figure-3b-maps "$seed" --granularity feature-map --ratio 0.2:0.7:0.1 --no-control
done

collected=()
for seed in $seeds; do
    collected+=("figure_3b/kernels_$seed=figure-3b-kernels-$seed.h5" "figure_3b/maps_$seed=figure-3b-maps-$seed.h5")
done
"$bin/fftconv-results" collect pruning-mnist.h5 --overwrite "${collected[@]}"
