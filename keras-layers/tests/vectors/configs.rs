use serde_json::Value;
use std::collections::BTreeSet;

use crate::cells;
use crate::layers::{made, of_a_base_class};
use crate::support::vectors;

/// What Keras writes and ours does not, nor needs to read.
const NOT_WRITTEN: &[&str] = &["build_config", "shared_object_id", "quantization_config"];

#[test]
fn configs_have_keras_s_keys() {
    let (mut problems, mut done) = (BTreeSet::new(), 0);
    for v in vectors("layer") {
        let base = of_a_base_class(&v);
        // A function written in Python is never saved: keras-facts tells why.
        let code = v.class() == "Lambda";
        if base || code || v.kind() == "layer_test" || cells::rnn(&v.0["config"]).is_some() {
            continue;
        }
        done += 1;
        let ours = made(&v).and_then(|l| l.to_json());
        let ours = ours.unwrap_or_else(|e| panic!("{}: {e}", v.class()));
        compare(&v.0["config"], &ours["config"], v.class(), &mut problems);
    }
    assert!(done > 0 && problems.is_empty(), "{problems:#?}");
}

/// Keys of a config and of the layers in it.
fn compare(keras: &Value, ours: &Value, of: &str, problems: &mut BTreeSet<String>) {
    match (keras, ours) {
        (Value::Object(keras), Value::Object(ours)) => {
            let skipped = |key: &str| NOT_WRITTEN.contains(&key);
            for key in keras.keys().chain(ours.keys()).filter(|k| !skipped(k)) {
                match (keras.get(key), ours.get(key)) {
                    (Some(a), Some(b)) => compare(a, b, &format!("{of}.{key}"), problems),
                    (None, _) => drop(problems.insert(format!("{of}.{key} is not in Keras"))),
                    (_, None) => drop(problems.insert(format!("{of}.{key} is not in ours"))),
                }
            }
        }
        (Value::Array(keras), Value::Array(ours)) => {
            let pairs = keras.iter().zip(ours);
            pairs.for_each(|(a, b)| compare(a, b, of, problems));
        }
        _ => {}
    }
}
