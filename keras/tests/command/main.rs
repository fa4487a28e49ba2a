//! The `keras` command on files that real Keras wrote, as a user runs it.

mod convert;
mod errors;
mod new;
mod plot;
mod profile;
mod run;
mod show;
#[allow(dead_code)]
#[path = "../../../keras-io/tests/files/support.rs"]
mod support;
mod train;
