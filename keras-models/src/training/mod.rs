//! Compiling, fitting, evaluating, predicting.

mod batches;
mod class_weight;
mod compile;
mod data;
mod evaluate;
mod fit;
mod hooks;
mod losses;
mod plans;
mod predict;
mod resume;
mod state;
mod step;
mod watched;

pub use compile::Compile;
pub use data::Data;
pub use evaluate::Evaluate;
pub use fit::Fit;
pub use predict::Predict;
pub use state::{CallbackState, TrainingState};

pub(crate) use compile::Compiled;
pub(crate) use plans::Plans;
pub(crate) use step::TrainStep;
pub(crate) use watched::Given;
