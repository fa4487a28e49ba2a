//! Names that are given when none is: `dense`, `dense_1`, ... One of the few places with state of its own; as in Keras,
//! each thread counts for itself.

use keras_tensor::registry::snake_case;
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static COUNTS: RefCell<HashMap<String, usize>> = RefCell::default();
    static SCOPE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The next name that begins with `prefix`: the prefix itself first, then `prefix_1`, `prefix_2`, ...
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

/// The next name for a layer of a class.
pub(crate) fn of_class(class_name: &str) -> String {
    match class_name {
        // Keras exports this class under another name than its own.
        "GroupQueryAttention" => auto_name("grouped_query_attention"),
        other => auto_name(&snake_case(other)),
    }
}

/// Starts counting anew, as `keras.utils.clear_session` does.
pub fn clear_session() {
    COUNTS.with_borrow_mut(HashMap::clear);
}

/// Runs `work` inside the scope of an owner: variables made there have its name in their path.
pub(crate) fn scoped<R>(owner: &str, work: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            SCOPE.with_borrow_mut(|s| s.pop());
        }
    }
    SCOPE.with_borrow_mut(|s| s.push(owner.to_string()));
    let _leave = Leave;
    work()
}

/// The path of a variable made here.
pub(crate) fn path(name: &str) -> String {
    SCOPE.with_borrow(|s| {
        s.iter()
            .map(String::as_str)
            .chain([name])
            .collect::<Vec<_>>()
            .join("/")
    })
}
