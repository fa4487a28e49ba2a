"""How contestants are started, and how they are asked: the one place that knows the protocol.

A contestant is a process that prepares one workload and then waits. For each line that it is sent it does a round of
so many steps as the line says, and answers with a line of JSON: `seconds` and `steps`, `peak_mb`, a `result`, perhaps
`versions`. A contestant whose rounds are epochs of Keras's `fit` does as many steps as it was started with.
"""

import json
import os
import subprocess
import tempfile
import threading
import time

from workloads import FLOOR, OURS

BENCHES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(BENCHES, "peers")
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(BENCHES, "..", "target")
BINARY = os.path.join(TARGET, "release", "workload")

# The Python contestants: environment and program.
PYTHON = {
    "keras-tf": ("tf", "keras_peer.py"),
    "keras-tf-call": ("tf", "keras_peer.py"),
    "keras-tf-predict": ("tf", "keras_peer.py"),
    "keras-jax": ("pt", "keras_peer.py"),
    "torch": ("pt", "torch_peer.py"),
    "torch-channels-last": ("pt", "torch_peer.py"),
    "onnxruntime": ("tf", "onnx_peer.py"),
}
# The contestants in Rust: each a workspace of its own in `peers`.
RUST = ("candle",)
# What keeps peers to the vectors that ours may use. ONNX Runtime has no such switch.
NARROWED = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}
# Seconds after which a round is given up.
PATIENCE = 600


class Failed(Exception):
    """A contestant did not answer; the message is the last that it said."""


def rust_binary(peer):
    return os.path.join(PEERS, peer, "target", "release", f"{peer}-peer")


def command(peer, workload, options):
    words = [workload.program, "--batch", str(workload.batch)]
    words += ["--steps", str(workload.steps), "--threads", str(options.threads)]
    words += [] if workload.cold else ["--serve"]
    models = os.path.join(options.envs, "models")
    file = ["--file", os.path.join(models, workload.file)] if workload.file else []
    if peer == OURS:
        return [BINARY, *words, *file]
    if peer == FLOOR:
        return [BINARY, FLOOR, *words[1:]]
    if peer in RUST:
        return [rust_binary(peer), *words, "--data", options.data]
    env, program = PYTHON[peer]
    python = os.path.join(options.envs, env, "bin", "python")
    return [python, os.path.join(PEERS, program), peer, *words, *file, "--data", options.data]


def environment(options):
    count = str(options.threads)
    names = ("KERAS_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    simd = {"KERAS_SIMD": options.simd, **NARROWED.get(options.simd, {})} if options.simd else {}
    return {**os.environ, **dict.fromkeys(names, count), **simd}


def handoff():
    """Nanoseconds until a thread has the answer of another one: several times as many while the two run on groups of cores
    that do not share a cache."""
    return int(subprocess.run([BINARY, "handoff"], capture_output=True, text=True, check=True).stdout)


class Contestant:
    def __init__(self, words, options):
        pin = (lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})) if options.threads == 1 else None
        pipe = subprocess.PIPE
        # Libraries are noisy on standard error; what a contestant says there is shown only if it fails.
        self.errors = tempfile.TemporaryFile("w+")
        self.began = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                words,
                stdin=pipe,
                stdout=pipe,
                stderr=self.errors,
                text=True,
                bufsize=1,
                env=environment(options),
                preexec_fn=pin,
            )
        except FileNotFoundError as problem:
            raise Failed("not there; see --build-peers and peers/setup.sh") from problem

    def ask(self, steps):
        """One round: the answer, with the `cpu` seconds of it."""
        before = self.cpu_seconds()
        try:
            self.process.stdin.write(f"{steps}\n")
        except OSError:
            pass  # It has ended; what it said is read below.
        line = self.answer()
        return {**line, "cpu": self.cpu_seconds() - before}

    def first(self):
        """The answer to no question, with the `seconds` since the start of the process."""
        line = self.answer()
        return {**line, "seconds": time.perf_counter() - self.began, "cpu": self.cpu_seconds()}

    def answer(self):
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    return json.loads(line)
        finally:
            timer.cancel()
        code = self.process.wait()
        self.errors.seek(0)
        said = [line.strip() for line in self.errors.read().splitlines() if line.strip()]
        raise Failed(f"ended with {code}: {said[-1] if said else 'it said nothing'}")

    def cpu_seconds(self):
        try:
            with open(f"/proc/{self.process.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
