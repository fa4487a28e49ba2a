//! The model zoo of `keras.applications`: a family is one file of data and blocks, a block is a function.
//!
//! This crate holds no model yet.

#![forbid(unsafe_code)]
