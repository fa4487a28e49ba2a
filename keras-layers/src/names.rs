//! Paths of weights: the names of the layers that own them, joined by `/`.

use keras_tensor::names::auto_name;
use keras_tensor::registry::snake_case;
use std::cell::RefCell;

thread_local! {
    static SCOPE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The next name for a layer of a class.
pub(crate) fn of_class(class_name: &str) -> String {
    match class_name {
        // Keras exports this class under another name than its own.
        "GroupQueryAttention" => auto_name("grouped_query_attention"),
        other => auto_name(&snake_case(other)),
    }
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
