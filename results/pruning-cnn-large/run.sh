#!/usr/bin/env bash
# Coarse pruning of cnn-large, at half its width, on CIFAR-10: a baseline of 60 epochs and the combinations of Figure 5.
# Run again, it resumes.
#   bash results/pruning-cnn-large/run.sh BIN FOLDER [SEEDS]
# BIN: the folder of the apps; FOLDER: where networks and results go; FFTCONV_DATA: the folder with cifar-10.
set -euo pipefail
seeds=${3:-1}
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../resumable.sh" "$1" "$2"

decay=0.0005    # of the baseline and of retraining
augmentation=(--flip --flip-vertical --rotation 10 --translation 2 --scale 0.1)

for seed in $seeds; do
    train "base-$seed" --architecture cnn-large --width 0.5 --dataset cifar-10 --preprocess whitening --batch-norm --batch 128 \
        --optimizer rmsprop --rate 0.001 --schedule cosine --epochs 60 --weight-decay "$decay" --dropout 0.5 \
        --validation 0.2 --keep-best "${augmentation[@]}" --seed "$seed"
    # Over 88 %: half of the kernels by maps, then 77 % of those that are left; and nothing, retrained as often.
    combination=(--checkpoint "base-$seed.h5" --layers conv2,conv3,conv4,conv5,conv6,conv7 --granularity feature-map,kernel
        --ratio 0.3,0.77 --batch 128 --candidates 10 --optimizer rmsprop --weight-decay "$decay" "${augmentation[@]}"
        --retrain-epochs 8 --seed "$seed" --timing-rounds 3)
    grow fftconv-prune "maps-then-kernels-$seed" "${combination[@]}" --no-control
    grow fftconv-prune "control-$seed" "${combination[@]}" --points 1/2
done

collected=()
for whole in *.done; do
    run=${whole%.done}
    collected+=("figure_5/${run//-/_}=$run.h5")
done
"$bin/fftconv-results" collect pruning-cnn-large.h5 --overwrite "${collected[@]}"
