#![no_main]
//! npz and npy: a zip as it is, or one made of an array.

use keras_fuzz::{Folder, archive, limits, model};
use keras_io::{Load, arrays, inspect, npz};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let path = if data.starts_with(b"PK") {
        folder.write("it.npz", data)
    } else {
        let _ = arrays::read(folder.write("it.npy", data), &limits());
        folder.write("it.npz", &archive(&[("it.npy", data)]))
    };
    if let Ok(tensors) = npz::read(&path, &limits()) {
        for (_, tensor) in &tensors {
            let _ = npz::to_npy(tensor);
        }
    }
    let _ = Load::new().limits(limits()).weights(&model(), &path);
    let _ = inspect(&path, &limits());
});
