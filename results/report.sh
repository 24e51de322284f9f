#!/usr/bin/env bash
# Writes the tables of results/README.md again, from the result files: between a line `<!-- begin: COMMAND -->` and
# the next line `<!-- end -->` goes what COMMAND prints, run in the project's root with the built apps at hand. Then makes
# a page of each result file, NAME.html next to NAME.h5 (not committed).
#     bash results/report.sh [FOLDER OF THE BUILT APPS, build/quickstart/apps unless given]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
apps=$(cd "${1:-$root/build/quickstart/apps}" && pwd)
cd "$root"
export PATH=$apps:$PATH

document=results/README.md
trap 'rm -f "$document.part"' EXIT
copying=true
while IFS= read -r line; do
    [[ $line == '<!-- end -->' ]] && copying=true
    if $copying; then printf '%s\n' "$line"; fi
    if [[ $line =~ ^'<!-- begin: '(.*)' -->'$ ]]; then
        copying=false
        printf '\n'
        bash -c "${BASH_REMATCH[1]}" </dev/null
        printf '\n'
    fi
done <"$document" >"$document.part"
mv "$document.part" "$document"

find results -name '*.h5' | sort | while IFS= read -r file; do
    fftconv-results page "$file" --out "${file%.h5}.html" --overwrite </dev/null
done
