//! A file for each optimizer, and the table that knows them by name.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod ftrl;
mod lamb;
mod lion;
mod muon;
mod nadam;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::Muon;
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
    entry::<Adafactor>("Adafactor", &[]),
    entry::<Adagrad>("Adagrad", &[]),
    entry::<Adam>("Adam", &[]),
    entry::<AdamW>("AdamW", &["adamw"]),
    entry::<Adamax>("Adamax", &[]),
    entry::<Ftrl>("Ftrl", &[]),
    entry::<Lamb>("Lamb", &[]),
    entry::<Lion>("Lion", &[]),
    entry::<Muon>("Muon", &[]),
    entry::<Nadam>("Nadam", &[]),
    entry::<RMSprop>("RMSprop", &["rmsprop"]),
    entry::<SGD>("SGD", &[]),
];
