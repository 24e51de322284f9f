#!/usr/bin/env bash
# EasyConvPooling on MNIST, five seeds of 30 epochs. Run again, it resumes.
#   bash results/ecp-mnist-seeds/run.sh BIN FOLDER
# BIN: the folder of the apps; FOLDER: where results and checkpoints go; FFTCONV_DATA: the folder with mnist.
set -euo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../resumable.sh" "$1" "$2"

run() { # name, then options
    grow fftconv-ecp "$1" "${@:2}" --dataset mnist --epochs 30 --repeat 5 --convolution-rounds 0
}

run two-conv-0 --network two-conv --method max,average,random,ecp --mode 0
run one-conv-0 --network one-conv --method max,average,random,ecp --mode 0
run two-conv-rest --network two-conv --method random,ecp --mode 1,2,3
run two-conv-batch --network two-conv --method ecp --mode per-batch # K drawn anew for each batch
run one-conv-batch --network one-conv --method ecp --mode per-batch
