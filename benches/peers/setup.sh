#!/usr/bin/env bash
# Makes the Python environments of the peers: tf (TensorFlow, Keras) and pt (torch, JAX, Keras).
# usage: setup.sh [FOLDER], by default ~/.cache/keras-peers; some minutes and gigabytes.
set -euo pipefail
folder=${1:-$HOME/.cache/keras-peers}
install() {
    local env=$folder/$1
    shift
    python3 -m venv "$env"
    "$env/bin/pip" install --quiet "$@"
}
install tf 'tensorflow-cpu==2.21.*' 'keras==3.15.1'
install pt torch torchvision jax 'keras==3.15.1'
echo "ready: $folder"
