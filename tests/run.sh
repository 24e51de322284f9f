#!/usr/bin/env bash
# Installs what is missing, looks at the style of what changed (tests/style.sh), builds with warnings as errors, and runs
# every test: Debug with address and undefined-behaviour sanitizers (where slow tests do less: FFTCONV_TEST_QUICK), then
# Release. Ends with ctest's summary and what each part took, of the half hour that there is; fails when any of these does.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

times=()
timed() { # part command…
    local began=$SECONDS status=0
    "${@:2}" || status=$?
    times+=("$1 $((SECONDS - began)) s")
    return "$status"
}
trap 'printf "== %s\n" "${times[@]}"' EXIT

timed "packages" bash "$root/apps/install-dependencies.sh" --tests

build_and_test() { # preset
    echo "== $1"
    local generator=(-G Ninja)
    [[ -f "$root/build/$1/CMakeCache.txt" ]] && generator=()  # made before, perhaps by another generator
    (cd "$root" && cmake --preset "$1" "${generator[@]}" >/dev/null)
    timed "build of $1" cmake --build "$root/build/$1"
    timed "tests of $1" ctest --test-dir "$root/build/$1" --output-on-failure -j "$(nproc)"
}

style=0
timed "style" bash "$root/tests/style.sh" || style=$?  # the tests are worth running all the same
FFTCONV_TEST_QUICK=1 build_and_test sanitizers
build_and_test dev
exit "$style"
