//! Keras's file formats, each in a module of its own: `.keras`, `.weights.h5` and legacy `.h5`, TensorFlow checkpoints,
//! SavedModel, safetensors, npz, ONNX, and config JSON.
//!
//! Nothing in a file is ever executed or opened as a path. This crate holds no format yet.

#![forbid(unsafe_code)]
