#!/usr/bin/env bash
# Fills corpus/ with small real files to start from: fuzz/seed.sh FOLDER-OR-TAR.GZ…
# Without them the fuzzer has to find "MThd" and "X:" by itself, and it does, but later.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/midi corpus/abc corpus/round_trip
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
for source in "$@"; do
    if [ -d "$source" ]; then folder=$source; else tar xzf "$source" -C "$unpacked"; folder=$unpacked; fi
    find "$folder" -type f -size -12k \( -iname '*.mid' -o -iname '*.kar' \) -print0 | head -z -n 400 |
        while IFS= read -r -d '' file; do
            name=$(md5sum < "$file" | cut -c1-16)
            cp "$file" "corpus/midi/$name"
            cp "$file" "corpus/round_trip/$name"
        done
    # A book of tunes becomes one file a tune: tunes begin at X: and end at an empty line.
    find "$folder" -type f -iname '*.abc' -print0 | xargs -0 -r cat | tr -d '\r' |
        awk -v RS= '/(^|\n)X:/ && n < 400 { file = sprintf("corpus/abc/tune-%04d", n++); print > file; close(file) }'
done
cp -n corpus/abc/* corpus/round_trip/ 2> /dev/null || true
echo "seeds: $(ls corpus/midi | wc -l) MIDI files, $(ls corpus/abc | wc -l) tunes, $(ls corpus/round_trip | wc -l) for the round trip"
