//! Optimizers and learning-rate schedules of Keras in Rust.
//!
//! [`Optimizer`] holds what all optimizers share: iterations, the learning rate or its schedule, clipping, weight decay,
//! averaging, accumulation, and the list of state variables. What makes one different is an [`UpdateRule`], a file each
//! in `rules/`.
//!
//! ```
//! use keras_optimizers::{Adam, Optimizer, OptimizerExt};
//! use keras_tensor::{Tensor, Variable};
//!
//! let w = Variable::new(Tensor::scalar(1.0f32), "w");
//! let optimizer = Optimizer::from(Adam::new().learning_rate(0.1).clipnorm(1.0));
//! optimizer.apply_gradients(&[Some(Tensor::scalar(2.0f32))], &[w.clone()])?;
//! assert!((w.value()?.item()? - 0.9).abs() < 1e-5);
//! # Ok::<(), keras_tensor::Error>(())
//! ```

#![forbid(unsafe_code)]

mod clip;
mod common;
mod learning_rate;
mod loss_scale;
mod optimizer;
mod rule;
mod rules;
pub mod schedules;
mod state;
pub mod update;

pub use common::{Common, OptimizerExt};
pub use learning_rate::LearningRate;
pub use loss_scale::LossScaleOptimizer;
pub use optimizer::Optimizer;
pub use rule::{Slot, Step, UpdateRule};
pub use rules::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Muon, Nadam,
    OptimizerSetting, RMSprop, SGD,
};
