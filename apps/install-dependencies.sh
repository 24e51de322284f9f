#!/usr/bin/env bash
# Installs what is missing of the packages that the project needs (Debian 12), as root or with sudo. The one
# list of packages: apps/quickstart.sh and tests/run.sh both call this. With --tests also those of the tests.
set -euo pipefail

build=(g++ cmake ninja-build pkg-config git libfftw3-dev libeigen3-dev libhdf5-dev libhwy-dev libcli11-dev
       libtomlplusplus-dev libspdlog-dev zlib1g-dev libssl-dev libmatio-dev libarchive-dev libpng-dev)
run=(gnuplot-nox dataset-fashion-mnist)
tests=(libboost-test-dev hdf5-tools python3-h5py python3-pandas python3-xarray python3-onnx pybind11-dev python3-dev libdnnl-dev libopenmpi-dev openmpi-bin
       clang clang-format clang-tidy libomp-dev doxygen binutils)

packages=("${build[@]}" "${run[@]}")
if [[ "${1:-}" == --tests ]]; then packages+=("${tests[@]}"); fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ "$status" == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || {
        echo "install-dependencies: missing ${missing[*]}; run this as root, or install sudo" >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
