//! Reads models and writes them again: `rewrite FROM TO [FROM TO ..]`, each name with the extension of its format.
//!
//! `keras-io/tests/open_in_keras.py` and `open_in_keras2.py` open in real Keras what this writes.

use keras_io::{Holds, Load, save_model, save_weights, save_weights_in_shards};

fn main() -> keras_tensor::Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for pair in names.chunks_exact(2) {
        let loaded = Load::new().model(&pair[0])?;
        for warning in &loaded.warnings {
            eprintln!("{}: {warning}", pair[0]);
        }
        if pair[1].ends_with(".weights.json") {
            save_weights_in_shards(&loaded.model, &pair[1], 300)?;
        } else if Holds::of(&pair[1]) == Some(Holds::Weights) {
            save_weights(&loaded.model, &pair[1])?;
        } else {
            save_model(&loaded.model, &pair[1])?;
        }
    }
    Ok(())
}
