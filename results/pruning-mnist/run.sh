#!/usr/bin/env bash
# Figure 3b: kernel and feature-map pruning of lenet-6-16-120 with 20 epochs of retraining, five networks. Run again, it resumes.
#   bash results/pruning-mnist/run.sh BIN FOLDER [SEEDS]
# BIN: the folder of the apps; FOLDER: where networks and results go (the networks of ../pruning-mnist-recalibrated/run.sh
# are taken where they are there); FFTCONV_DATA: the folder with mnist.
set -euo pipefail
seeds=${3:-1 2 3 4 5}
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../resumable.sh" "$1" "$2"

lenet() { # seed
    train "lenet-6-16-120-$1" --architecture lenet-6-16-120 --dataset mnist --batch-norm --batch 128 --optimizer rmsprop \
        --rate 0.001 --schedule cosine --epochs 6 --validation 0.1 --keep-best --seed "$1"
}

prune() { # name seed, then options
    grow fftconv-prune "$1-$2" --checkpoint "lenet-6-16-120-$2.h5" --layers conv2,conv3 --batch 128 --candidates 100 \
        --optimizer rmsprop --retrain-epochs "${EPOCHS:-20}" --seed "$2" --timing-rounds 1 "${@:3}"
}

for seed in $seeds; do
    lenet "$seed"
    prune figure-3b-kernels "$seed" --granularity kernel --ratio 0.5:0.9:0.1
    # the control of the kernels, nothing pruned and retrained alike, stands for the maps too
    prune figure-3b-maps "$seed" --granularity feature-map --ratio 0.2:0.7:0.1 --no-control
done

collected=()
for seed in $seeds; do
    collected+=("figure_3b/kernels_$seed=figure-3b-kernels-$seed.h5" "figure_3b/maps_$seed=figure-3b-maps-$seed.h5")
done
"$bin/fftconv-results" collect pruning-mnist.h5 --overwrite "${collected[@]}"
