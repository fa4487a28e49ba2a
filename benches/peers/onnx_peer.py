"""Inference in ONNX Runtime, of graphs that real Keras exported. usage: onnx_peer.py onnxruntime WORKLOAD --file GRAPH ..."""

import common

options = common.arguments()
import numpy as np
import onnxruntime

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = options.threads
session = onnxruntime.InferenceSession(options.file, settings, providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
x = np.random.default_rng(3).random((options.batch, *given.shape[1:]), dtype="float32")
step = lambda: float(session.run(None, {given.name: x})[0][0, 0])
common.serve(options, step, f"onnxruntime {onnxruntime.__version__}")
