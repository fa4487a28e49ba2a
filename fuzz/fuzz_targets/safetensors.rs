#![no_main]
//! safetensors: the tensors, and weights of a model.

use keras_fuzz::{Folder, limits, model};
use keras_io::{Load, inspect, safetensors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(tensors) = safetensors::from_bytes("it", data, &limits()) {
        // What was read can be written, and comes back.
        let bytes = safetensors::to_bytes(&tensors).expect("tensors that were read");
        let again = safetensors::from_bytes("it", &bytes, &limits()).expect("its own bytes");
        assert_eq!(tensors.len(), again.len());
    }
    let folder = Folder::new();
    let path = folder.write("it.safetensors", data);
    let _ = Load::new().limits(limits()).weights(&model(), &path);
    let _ = inspect(&path, &limits());
});
