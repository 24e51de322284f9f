#!/usr/bin/env bash
# From a bare Debian 12 machine to the EasyConvPooling paper's Table 3: installs what is missing, builds Release,
# trains two-conv with Max, Average and Random pooling and with ECP for a few epochs, prints the table next to
# the paper's own numbers, and writes out/quickstart.h5 with convergence plots next to it. Then coarse pruning in small:
# trains a network, prunes half and then 70 % of its feature maps (75 and 91 % of the kernels), retrains it and makes it
# compact: MCR, and milliseconds of the dense, the masked and the compact network timed in turns. Last, a page to look at.
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
    --epochs 3 --convolution-rounds 1 --overwrite --out "$root/out/quickstart.h5" "$@"

for ((i = 1; i < $#; ++i)); do  # the same data
    if [[ ${!i} == --data ]]; then next=$((i + 1)) && export FFTCONV_DATA=${!next}; fi
done
"$build/apps/fftconv-prune" --train --architecture 1x28x28:32C5-P2-128C5-P2-128C5-100FC-10Softmax --limit 10000 --epochs 3 --schedule cosine \
    --engine auto --granularity feature-map --ratio 0.5:0.7:0.2 --criterion weight-sum --retrain-epochs 2 \
    --compact --overwrite --out "$root/out/quickstart-pruning.h5"

page=$root/out/quickstart.html
"$build/apps/fftconv-results" page "$root/out/quickstart.h5" "$root/out/quickstart-pruning.h5" \
    "$root"/out/quickstart-pruning.h5.points/*.h5 --out "$page" --overwrite
echo
echo "All of it to look at, in a browser: $page"
