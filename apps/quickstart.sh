#!/usr/bin/env bash
# From a bare Debian 12 machine to the EasyConvPooling paper's Table 3: installs what is missing, builds Release,
# trains two-conv with Max, Average and Random pooling and with ECP for a few epochs, prints the table beside
# the paper's own numbers, and writes out/quickstart.h5 with convergence plots beside it. The data is Fashion-MNIST
# from Debian, or MNIST when FFTCONV_DATA or --data points to a folder that has it. Options go to fftconv-ecp.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

bash "$root/apps/install-dependencies.sh"
build=$root/build/quickstart
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DFFTCONV_BUILD_TESTS=OFF >/dev/null
cmake --build "$build"

mkdir -p "$root/out"
"$build/apps/fftconv-ecp" --network two-conv --method max,average,random,ecp --mode 0 \
    --epochs 3 --convolution-rounds 1 --out "$root/out/quickstart.h5" "$@"
