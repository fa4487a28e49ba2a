#!/usr/bin/env bash
# Opens in Keras 3.15, tf.keras 2.15, TensorFlow and ONNX Runtime what keras-io writes, and in Keras the applications.
# usage: open_elsewhere.sh [--sample] [--envs FOLDER]
#
# Makes the Python environments where they are missing (by default in ~/.cache/keras-elsewhere; some minutes and gigabytes).
# --sample: a few cases, in Keras 3.15 and TensorFlow 2.21 alone. tf.keras 2.15 needs Python 3.9 to 3.11.
set -euo pipefail
cd "$(dirname "$0")"
sample=() envs=$HOME/.cache/keras-elsewhere
while [ $# -gt 0 ]; do
    case $1 in
        --sample) sample=(dense_relu lstm_last mha_self cnn multi_io_shared nested_shared opt_adam) ;;
        --envs) envs=$2; shift ;;
        *) echo "unknown argument: $1" >&2; exit 2 ;;
    esac
    shift
done
install() {
    [ -x "$envs/$1/bin/python" ] && [ -e "$envs/$1/ready" ] && return
    python3 -m venv "$envs/$1"
    "$envs/$1/bin/pip" install --quiet "${@:2}"
    touch "$envs/$1/ready"
}
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT
python3 -m zipfile -e ../../testdata/files.zip "$cases"
open_in() {
    echo "== open_in_$2.py"
    "$envs/$1/bin/python" "open_in_$2.py" "$cases" "${sample[@]}" 2>/dev/null
}
install tf 'tensorflow-cpu==2.21.*' 'keras==3.15.1'
open_in tf keras
open_in tf tensorflow
echo "== applications"
networks=()
[ ${#sample[@]} -gt 0 ] && networks=(MobileNet)
"$envs/tf/bin/python" ../../keras-applications/tests/open_in_keras.py "${networks[@]}" 2>/dev/null
[ ${#sample[@]} -gt 0 ] && exit
install tf2 'tensorflow-cpu==2.15.1'
open_in tf2 keras2
install onnx onnx onnxruntime
open_in onnx onnxruntime
