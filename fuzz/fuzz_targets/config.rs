#![no_main]
//! Configs: JSON of a model.

use keras_fuzz::{Folder, limits};
use keras_io::{inspect, load_config};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let path = folder.write("it.json", data);
    let _ = load_config(&path);
    let _ = inspect(&path, &limits());
});
