#!/usr/bin/env bash
# Makes the Python environments of the peers, tf (TensorFlow, Keras, ONNX Runtime) and pt (torch, JAX, Keras), and the
# models that they read. usage: setup.sh [FOLDER], by default ~/.cache/keras-peers; some minutes and 4 gigabytes.
set -euo pipefail
folder=${1:-$HOME/.cache/keras-peers}
here=$(cd "$(dirname "$0")" && pwd)
install() {
    local env=$folder/$1
    shift
    [ -x "$env/bin/pip" ] || python3 -m venv "$env"
    "$env/bin/pip" install --quiet "$@"
}
install tf 'tensorflow-cpu==2.21.*' 'keras==3.15.1' onnxruntime onnx tf2onnx
install pt torch torchvision jax 'keras==3.15.1'
"$folder/tf/bin/python" "$here/export.py" "$folder/models"
echo "ready: $folder"
