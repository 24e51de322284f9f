#!/usr/bin/env bash
# What continuous integration asks of style: every source is as .clang-format has it, and the sources that changed since
# BASE (or HEAD's parent) pass .clang-tidy. The preset static-analysis runs clang-tidy on every file instead.
#     bash tests/style.sh [BASE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo "style: not a git checkout, so nothing has changed" && exit 0; }

echo "== style"
git ls-files -z '*.cpp' '*.hpp' | xargs -0 clang-format --dry-run -Werror

base=${1:-HEAD~1}
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "style: no commit $base to compare with" && exit 0; }
mapfile -t changed < <(git diff --name-only --diff-filter=d "$base" -- 'lib/*.cpp' 'apps/*.cpp' 'tests/*.cpp' ':!tests/consume')
[[ ${#changed[@]} -eq 0 ]] && exit 0
build=build/static-analysis
cmake --preset static-analysis >/dev/null
cmake --build "$build" --target fftconv_git_version >/dev/null
printf '%s\0' "${changed[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet
