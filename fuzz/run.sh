#!/bin/sh
# Runs each fuzz target, or those that are named, for so many seconds. usage: fuzz/run.sh SECONDS [TARGET ...]
# It needs no cargo-fuzz and no nightly: the flags are those that cargo-fuzz sets.
set -eu
cd "$(dirname "$0")"
seconds=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
all="hdf5 keras_file config checkpoint saved_model safetensors npz"
sancov=""
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    sancov="$sancov -Cllvm-args=-sanitizer-coverage-$option"
done
# With --target, build scripts and macros are not instrumented.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cpasses=sancov-module $sancov --cfg fuzzing -Ccodegen-units=1" \
    cargo build --release --target "$host"
for target in ${*:-$all}; do
    echo "== $target"
    # What is new and found on the way stays out of the corpus that is in the repository.
    found="target/found/$target"
    mkdir -p "$found" "artifacts/$target"
    "target/$host/release/$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 -verbosity=0 "$found" "corpus/$target"
done
