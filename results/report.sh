#!/usr/bin/env bash
# Writes the tables and figures of README.md and results/*/README.md again, from the result files: between a line
# `<!-- begin: COMMAND -->` and the next line `<!-- end -->` goes what COMMAND prints, run in the project's root with the
# built apps at hand. Then makes a page of each result file, NAME.html next to NAME.h5 (not committed).
#     bash results/report.sh [-b FOLDER OF THE BUILT APPS, build/quickstart/apps unless given] [EXPERIMENT...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
apps=$root/build/quickstart/apps
while getopts b: option; do apps=$OPTARG; done
shift $((OPTIND - 1))
PATH=$(cd "$apps" && pwd):$PATH
export PATH
cd "$root"

report() { # DOCUMENT
    local copying=true line
    while IFS= read -r line; do
        [[ $line == '<!-- end -->' ]] && copying=true
        if $copying; then printf '%s\n' "$line"; fi
        if [[ $line =~ ^'<!-- begin: '(.*)' -->'$ ]]; then
            copying=false
            printf '\n'
            bash -c "${BASH_REMATCH[1]}" </dev/null
            printf '\n'
        fi
    done <"$1"
}

documents=(README.md results/*/README.md)
if (($# > 0)); then documents=("${@/#/results/}") && documents=("${documents[@]/%//README.md}"); fi
trap 'rm -f "${part:-}"' EXIT
for document in "${documents[@]}"; do
    part=$document.part
    report "$document" >"$part"
    mv "$part" "$document"
    for file in results/"$(basename "$(dirname "$document")")"/*.h5; do
        [[ -e $file ]] || continue
        fftconv-results page "$file" --out "${file%.h5}.html" --overwrite </dev/null
    done
done
