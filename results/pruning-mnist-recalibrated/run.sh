#!/usr/bin/env bash
# Coarse pruning on MNIST with and without fresh batch statistics: run again, it resumes.
#   bash results/pruning-mnist-recalibrated/run.sh BIN FOLDER [SEEDS]
# BIN: the folder of the apps; FOLDER: where networks and results go; FFTCONV_DATA: the folder with mnist.
set -euo pipefail
seeds=${3:-1 2 3 4 5}
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../resumable.sh" "$1" "$2"

network() { # architecture seed
    train "$1-$2" --architecture "$1" --dataset mnist --batch-norm --batch 128 --optimizer rmsprop --rate 0.001 \
        --schedule cosine --epochs 6 --validation 0.1 --keep-best --seed "$2"
}

prune() { # name architecture seed, then options
    grow fftconv-prune "$1-$3" --checkpoint "$2-$3.h5" --architecture "$2" --dataset mnist --batch-norm --validation 0.1 \
        --batch 128 --optimizer rmsprop --layers conv2,conv3 --seed "$3" --timing-rounds 1 "${@:4}"
}

kernels="--granularity kernel --ratio 0.3:0.7:0.2"
maps="--granularity feature-map --ratio 0.2:0.6:0.2"
scores=weight-sum,l2,weight-sum-scaled,l2-scaled,taylor,spectral
for seed in $seeds; do
    network lenet-6-16-120 "$seed"
    for batches in 0 8; do # without and with fresh statistics
        prune kernel-scores-$batches lenet-6-16-120 "$seed" $kernels --recalibrate $batches --criterion $scores,reconstruction
        prune kernel-compensated-$batches lenet-6-16-120 "$seed" $kernels --recalibrate $batches \
            --criterion reconstruction --compensate
    done
done
for seed in $seeds; do
    for batches in 0 8; do
        prune kernel-best-$batches lenet-6-16-120 "$seed" $kernels --recalibrate $batches --candidates 100
    done
done
for seed in $seeds; do # Figure 3a
    network mnist-16-32-64 "$seed"
    for batches in 0 8; do
        prune map-scores-$batches mnist-16-32-64 "$seed" $maps --recalibrate $batches --criterion $scores,gamma,taylor-gamma
        prune map-best-$batches mnist-16-32-64 "$seed" $maps --recalibrate $batches --candidates 100
    done
done
for seed in $seeds; do # does selection survive retraining? random, best of 100, scores; ratio 0 is the control
    prune kernel-retrained lenet-6-16-120 "$seed" --granularity kernel --ratio 0:0.75:0.75 --retrain-epochs 2 \
        --criterion random,best-of-n,weight-sum-scaled,spectral,reconstruction --candidates 100
done
for seed in $seeds; do # a thousand candidates
    prune kernel-best-of-1000 lenet-6-16-120 "$seed" --granularity kernel --ratio 0.5 --candidates 1000
    prune kernel-best-around lenet-6-16-120 "$seed" --granularity kernel --ratio 0.5 --candidates 100 \
        --candidates-from spectral
done

# All of it in one file: an experiment for each seed, those of one recipe are pooled in its tables.
collected=()
for seed in $seeds; do
    for kind in stale:0 fresh:8; do
        for part in best scores; do
            collected+=("kernels_${kind%:*}/${part}_$seed=kernel-$part-${kind#*:}-$seed.h5")
            collected+=("maps_${kind%:*}/${part}_$seed=map-$part-${kind#*:}-$seed.h5")
        done
        collected+=("kernels_${kind%:*}/compensated_$seed=kernel-compensated-${kind#*:}-$seed.h5")
    done
    collected+=("thousand/random_$seed=kernel-best-of-1000-$seed.h5" "thousand/around_spectral_$seed=kernel-best-around-$seed.h5")
    collected+=("retrained/kernels_$seed=kernel-retrained-$seed.h5")
done
rm -f pruning-mnist-recalibrated.h5
"$bin/fftconv-results" collect pruning-mnist-recalibrated.h5 "${collected[@]}"
