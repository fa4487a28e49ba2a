#!/usr/bin/env bash
# How long a clean release build of a user's program takes: a crate of its own, in a temporary folder, that depends on
# `keras` with its default features. Crates are downloaded before the clock starts. usage: build_cost.sh [CORES], default 2
set -euo pipefail
cores=${1:-2}
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<TOML
[package]
name = "program"
version = "0.1.0"
edition = "2024"

[dependencies]
keras = { path = "$root/keras" }
TOML
cat > "$folder/src/main.rs" <<'RUST'
use keras::prelude::*;

fn main() -> keras::Result<()> {
    let x = ops::constant(&[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2])?;
    let y = ops::constant(&[0.0f32, 1.0, 1.0, 0.0], [4, 1])?;
    let mut network = Sequential::new(layers![
        Dense::new(8).activation("tanh"),
        Dense::new(1).activation("sigmoid"),
    ]);
    network.compile(Compile::new("adam", "binary_crossentropy").metric("accuracy"))?;
    network.fit((&x, &y), Fit::new().epochs(3).verbose(0))?;
    keras::models::save_model(&network, "xor.keras")
}
RUST
cp "$root/Cargo.lock" "$folder/"
cd "$folder"
export CARGO_TARGET_DIR=$folder/target CARGO_BUILD_JOBS=$cores
cargo fetch --quiet
TIMEFORMAT='%R s by the clock, %U s of the processors in programs, %S s in the system'
time taskset -c "0-$((cores - 1))" cargo build --release --quiet
echo "$(grep -c '^name = ' Cargo.lock) packages, $(rustc --version), load average $(cut -d' ' -f1 /proc/loadavg)"
