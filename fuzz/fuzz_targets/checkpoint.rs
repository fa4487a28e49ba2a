#![no_main]
//! Checkpoints of TensorFlow: an index and its data.

use keras_fuzz::{Folder, limits, model, parts};
use keras_io::{Load, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [index, data] = parts(data);
    let folder = Folder::new();
    folder.write("it.ckpt.data-00000-of-00001", data);
    let path = folder.write("it.ckpt.index", index);
    let how = Load::new().limits(limits());
    let _ = how.clone().weights(&model(), &path);
    let _ = how.skip_mismatch(true).weights(&model(), &path);
    let _ = inspect(&path, &limits());
});
