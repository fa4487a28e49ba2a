#![no_main]
//! HDF5: weights, legacy models, and all that a file holds.

use keras_fuzz::{Folder, limits, model, walk};
use keras_io::hdf5::Group;
use keras_io::{Load, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(root) = Group::from_bytes(data.to_vec(), &limits()) {
        let _ = walk(&root, 10);
    }
    let folder = Folder::new();
    let path = folder.write("it.weights.h5", data);
    let how = Load::new().limits(limits());
    let _ = how.clone().by_name(true).weights(&model(), &path);
    let _ = how.clone().skip_mismatch(true).weights(&model(), &path);
    let _ = how.model(&path);
    let _ = inspect(&path, &limits());
});
