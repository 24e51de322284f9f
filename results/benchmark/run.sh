#!/usr/bin/env bash
# Makes results/benchmark/benchmark.h5 anew, in about twenty minutes on a machine that does nothing else. Needs the
# apps built with oneDNN (libdnnl-dev), python3-torch, python3-onnx, and where NODE_PATH says the npm package
# onnxruntime-node. What is there already is not timed again. Where NCNN names a libncnn.so, and NCNN_AVX2 one without
# AVX-512 (apps/bench/README.md says how they are built), ncnn is a rival too; NCNN_COMMIT tells the tables which.
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
        "$apps/fftconv-bench" "${@:2}" --out unfinished.h5 --overwrite
        mv unfinished.h5 "$file"
    fi
}

ncnn=() ncnn_avx2=()
peer=$root/apps/bench/ncnn.py
[[ -z ${NCNN:-} ]] || ncnn=(--peer-command "$peer $NCNN ${NCNN_COMMIT:-}")
[[ -z ${NCNN_AVX2:-} ]] || ncnn_avx2=(--peer-command "$peer $NCNN_AVX2 '${NCNN_COMMIT:+$NCNN_COMMIT, }AVX2'")

rivals='--peer onednn,onnxruntime'
timing='--rounds 5 --slice 0.05' avx2='--simd AVX2'
pruned="--engine fft,auto --pruned 0,0.75,0.85,0.95 $timing"
few_images='3,64,224,7,3,b1;64,64,224,3,1,b1;64,64,56,3,1,b4'
general='128,128,56,7,3,dw,b8;64,128,56,3,1,s2,b16;64,64,32,5,4,d2,b16;64,64,32,5,2,g4,b16'
large='128,128,56,31,15,dw,b8;16,16,128,31,15,b1'
line='64,64,1x64000,1x1024,0,b1' # PyTorch takes 20 seconds for it
table='64,64,32,5,2,b16;32,64,16,5,2,b64;20,32,12,5,0,b50;1,20,28,5,0,b50;128,128,32,3,1,b16;128,128,16,3,1,b64;256,256,8,3,1,b128'
of_network='128,128,32,3,1;128,128,16,3,1;128,256,8,3,1;256,256,8,3,1'
choices='--engine auto,fft,spatial --peer none --rounds 5 --slice 0.03'
parts=()
time_experiment forward --engine auto $rivals "${ncnn[@]}" $timing
time_experiment few_images --engine auto --layer "$few_images" $rivals "${ncnn[@]}" $timing
time_experiment general --engine auto,fft --layer "$general" $rivals "${ncnn[@]}" $timing
time_experiment large_kernels --engine auto --layer "$large" --peer onnxruntime --rounds 3
time_experiment one_dimension --engine auto --layer "$line" --peer pytorch --rounds 2
time_experiment avx2/forward $avx2 --engine auto $rivals "${ncnn_avx2[@]}" $timing
time_experiment avx2/few_images $avx2 --engine auto --layer "$few_images" $rivals "${ncnn_avx2[@]}" $timing
time_experiment avx2/general $avx2 --engine auto,fft --layer "$general" $rivals "${ncnn_avx2[@]}" $timing
time_experiment avx2/large_kernels $avx2 --engine auto --layer "$large" --peer onnxruntime --rounds 3
time_experiment avx2/one_dimension $avx2 --engine auto --layer "$line" --peer pytorch --rounds 2
for simd in '' avx2/; do
    options="$choices ${simd:+$avx2}"
    time_experiment ${simd}choices/layers $options --tiles 3 --layer "$table;$few_images;$general;$large"
    time_experiment ${simd}choices/pruned $options --pruned 0.75,0.85,0.9,0.95 --layer '128,128,16,3,1,b64;256,256,8,3,1,b128;20,32,12,5,0,b50'
    time_experiment ${simd}choices/one_image $options --tiles 3 --batch 1 --layer "$of_network"
    time_experiment ${simd}choices/eight_images $options --tiles 3 --batch 8 --layer "$of_network"
done
time_experiment pruned/maps_16 --layer 128,128,16,3,1 --batch 64 $pruned
time_experiment pruned/maps_8 --layer 256,256,8,3,1 --batch 128 $pruned
time_experiment pruned/groups_16 --layer 128,128,16,3,1 --batch 64 --kernel-groups $pruned
networks='--peer pytorch,onnxruntime'
time_experiment networks/two_conv --network two-conv --batch 50 --threads 1,2 --rounds 7 $networks
time_experiment networks/two_conv_one_image --network two-conv --batch 1 --threads 1,2 --rounds 7 $networks
time_experiment networks/cnn_small_8 --network cnn-small --batch 8 --pruned 0,0.75 --rounds 2 $networks
time_experiment threads --layer 128,128,16,3,1 --batch 64 --threads 1,2 --rounds 9 --slice 0.1
time_experiment step --layer 128,128,16,3,1 --batch 64 --pass step --pruned 0,0.75,0.9 --rounds 5
time_experiment networks/cnn_small_one_image --network cnn-small --batch 1 --rounds 5 $networks
onnx='--peer onnxruntime --engine auto'
for simd in '' avx2/; do
    [[ -z $simd ]] || ncnn=("${ncnn_avx2[@]}")
    options=($onnx ${simd:+$avx2} "${ncnn[@]}")
    time_experiment ${simd}inference/cnn_small --network cnn-small --batch 128 --pruned 0,0.75,0.9 --rounds 3 "${options[@]}"
    time_experiment ${simd}inference/cnn_small_groups --network cnn-small --batch 128 --pruned 0.75,0.9 --kernel-groups --rounds 3 "${options[@]}"
    time_experiment ${simd}inference/cnn_small_8 --network cnn-small --batch 8 --pruned 0,0.75,0.9 --rounds 5 "${options[@]}"
    time_experiment ${simd}inference/cnn_small_one_image --network cnn-small --batch 1 --threads 1,2 --pruned 0,0.75 --rounds 7 "${options[@]}"
    time_experiment ${simd}inference/two_conv --network two-conv --batch 50 --threads 1,2 --rounds 15 "${options[@]}"
    time_experiment ${simd}inference/two_conv_one_image --network two-conv --batch 1 --threads 1,2 --rounds 15 "${options[@]}"
done
rm -f whole.h5
"$apps/fftconv-results" collect whole.h5 "${parts[@]}"
mv whole.h5 ../benchmark.h5
