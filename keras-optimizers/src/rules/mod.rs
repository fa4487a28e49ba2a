//! A file for each optimizer, and the table that knows them by name.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod ftrl;
mod lion;
mod nadam;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use ftrl::Ftrl;
pub use lion::Lion;
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub use sgd::SGD;

use keras_tensor::family;
use keras_tensor::registry::Entry;

use crate::UpdateRule;

family! {
    /// An optimizer's rule, by name (`"adam"`) or as a value.
    OptimizerSetting of UpdateRule, "optimizer", "keras.optimizers", &[TABLE]
}

#[cfg(test)]
mod contract;

const TABLE: &[Entry<dyn UpdateRule>] = &[
    entry::<Adadelta>("Adadelta", &[]),
    entry::<Adagrad>("Adagrad", &[]),
    entry::<Adam>("Adam", &[]),
    entry::<AdamW>("AdamW", &["adamw"]),
    entry::<Adamax>("Adamax", &[]),
    entry::<Ftrl>("Ftrl", &[]),
    entry::<Lion>("Lion", &[]),
    entry::<Nadam>("Nadam", &[]),
    entry::<RMSprop>("RMSprop", &["rmsprop"]),
    entry::<SGD>("SGD", &[]),
];
