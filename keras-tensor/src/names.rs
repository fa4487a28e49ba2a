//! Names that are given when none is: `dense`, `dense_1`, `auc`, ... One of the few places with state of its own; as in
//! Keras, each thread counts for itself.

use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static COUNTS: RefCell<HashMap<String, usize>> = RefCell::default();
}

/// The next name that begins with `prefix`: the prefix itself first, then `prefix_1`, `prefix_2`, ...
///
/// ```
/// use keras_tensor::names::auto_name;
/// assert_eq!(auto_name("gauge"), "gauge");
/// assert_eq!(auto_name("gauge"), "gauge_1");
/// ```
pub fn auto_name(prefix: &str) -> String {
    COUNTS.with_borrow_mut(|counts| {
        let count = counts.entry(prefix.to_string()).or_insert(0);
        *count += 1;
        match *count {
            1 => prefix.to_string(),
            n => format!("{prefix}_{}", n - 1),
        }
    })
}

/// Starts counting anew, as `keras.utils.clear_session` does.
pub fn clear_session() {
    COUNTS.with_borrow_mut(HashMap::clear);
}
