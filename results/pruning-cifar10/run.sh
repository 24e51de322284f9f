#!/usr/bin/env bash
# Coarse pruning of cnn-small on CIFAR-10: baselines, and the points of Figures 4a and 4b. Run again, it resumes.
#   bash results/pruning-cifar10/run.sh BIN FOLDER [SEEDS [SETS]]
# BIN: the folder of the apps; FOLDER: where networks and results go; FFTCONV_DATA: the folder with cifar-10.
# SETS: of claims (the points at which the paper states something, and the control), kernels, maps, groups, combinations.
set -euo pipefail
seeds=${3:-1 2 3} sets=${4:-claims}
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../resumable.sh" "$1" "$2"

decay=0.004    # of the baseline and of retraining

baseline() { # seed
    train "base-$1" --architecture cnn-small --dataset cifar-10 --preprocess whitening --batch-norm --batch 128 \
        --optimizer rmsprop --rate 0.001 --schedule cosine --epochs 12 --weight-decay "$decay" --dropout 0.5 \
        --validation 0.2 --keep-best --seed "$1"
}

prune() { # name seed, then options
    grow fftconv-prune "$1-$2" --checkpoint "base-$2.h5" --layers conv2,conv3,conv4,conv5,conv6 --batch 128 --candidates 10 \
        --optimizer rmsprop --weight-decay "$decay" --retrain-epochs "${EPOCHS:-8}" --seed "$2" --timing-rounds 3 "${@:3}"
}

for seed in $seeds; do
    baseline "$seed"
    for set in $sets; do
        case $set in
            claims)
                prune kernels-70 "$seed" --granularity kernel --ratio 0.7
                prune maps-62 "$seed" --granularity feature-map --ratio 0.406 --no-control    # 62 % of the kernels
                # 87.1 %; the paper's Table 2: 86.5
                prune maps-then-kernels "$seed" --granularity feature-map,kernel --ratio 0.3,0.75 --no-control
                ;;
            kernels)
                for percent in 90 50 80 60; do
                    prune "kernels-$percent" "$seed" --granularity kernel --ratio "0.$percent" --no-control
                done
                ;;
            maps) # named by the share of the kernels that goes with them
                for of in 80:0.584 40:0.2385 70:0.478 50:0.31; do
                    prune "maps-${of%:*}" "$seed" --granularity feature-map --ratio "${of#*:}" --no-control
                done
                ;;
            groups)
                for percent in 50 70 90; do
                    prune "groups-$percent" "$seed" --granularity kernel-group --ratio "0.$percent" --no-control
                done
                ;;
            combinations)
                prune maps-50-then-kernels "$seed" --granularity feature-map,kernel --ratio 0.5,0.75 --no-control
                prune kernels-then-maps "$seed" --granularity kernel,feature-map --ratio 0.75,0.3 --no-control
                ;;
            *) echo "run.sh: no set $set" >&2; exit 2 ;;
        esac
    done
done

# What is whole, so that the table grows as the runs end; the baselines are in each of them.
figure_of() { # run, without its seed
    case $1 in
        *-then-*) echo "4b/${1//-/_}" ;;
        *) echo "4a/${1//-/_}" ;;
    esac
}
collected=()
for whole in *.done; do
    run=${whole%.done}
    collected+=("figure_$(figure_of "${run%-*}")_${run##*-}=$run.h5")
done
"$bin/fftconv-results" collect pruning-cifar10.h5 --overwrite "${collected[@]}"
