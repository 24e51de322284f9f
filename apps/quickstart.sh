#!/usr/bin/env bash
# From a bare Debian 12 machine to the EasyConvPooling paper's Table 3: installs what is missing, builds Release,
# trains two-conv with Max, Average and Random pooling and with ECP for a few epochs, prints the table next to
# the paper's own numbers, and writes out/quickstart.h5 with convergence plots next to it. Then coarse pruning in small:
# trains a network, prunes 75 % of its kernels, retrains it and makes it compact, with MCR and milliseconds of each.
# The data is Fashion-MNIST from Debian, or MNIST when FFTCONV_DATA or --data points to a folder that has it.
# Options go to fftconv-ecp.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

bash "$root/apps/install-dependencies.sh"
build=$root/build/quickstart
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DFFTCONV_BUILD_TESTS=OFF >/dev/null
cmake --build "$build"

mkdir -p "$root/out"
"$build/apps/fftconv-ecp" --network two-conv --method max,average,random,ecp --mode 0 \
    --epochs 3 --convolution-rounds 1 --out "$root/out/quickstart.h5" "$@"

for ((i = 1; i < $#; ++i)); do  # the same data
    if [[ ${!i} == --data ]]; then next=$((i + 1)) && export FFTCONV_DATA=${!next}; fi
done
"$build/apps/fftconv-prune" --train --epochs 2 --granularity kernel --layers conv2,conv3 --ratio 0.75 --candidates 20 --retrain-epochs 1 \
    --compact --out "$root/out/quickstart-pruning.h5"

page=$root/out/quickstart.html
"$build/apps/fftconv-results" page "$root/out/quickstart.h5" "$root/out/quickstart-pruning.h5" \
    "$root"/out/quickstart-pruning.h5.points/*.h5 --out "$page" --overwrite
echo
echo "All of it to look at, in a browser: $page"
