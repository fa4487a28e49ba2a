#![no_main]
//! `.keras`: a zip as it is, or one made of the config, the weights and the metadata.

use keras_fuzz::{Folder, archive, limits, model, parts};
use keras_io::{Load, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let path = if data.starts_with(b"PK") {
        folder.write("it.keras", data)
    } else {
        let [config, weights, metadata] = parts(data);
        let members = [
            ("metadata.json", metadata),
            ("config.json", config),
            ("model.weights.h5", weights),
        ];
        folder.write("it.keras", &archive(&members))
    };
    let how = Load::new().limits(limits());
    let _ = how.model(&path);
    let _ = how.skip_mismatch(true).weights(&model(), &path);
    let _ = inspect(&path, &limits());
});
