//! Keras in Rust: train, save, load and ship networks in one native binary, with the names, defaults and numbers of
//! Keras.
//!
//! ```
//! use keras::prelude::*;
//!
//! fn main() -> keras::Result<()> {
//!     let x = ops::constant(&[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2])?;
//!     let y = ops::constant(&[0.0f32, 1.0, 1.0, 0.0], [4, 1])?;
//!     let mut network = Sequential::new(layers![
//!         Dense::new(8).activation("tanh"),
//!         Dense::new(1).activation("sigmoid"),
//!     ]);
//!     network.compile(Compile::new("adam", "binary_crossentropy").metric("accuracy"))?;
//!     let history = network.fit((&x, &y), Fit::new().epochs(3).verbose(0))?;
//!     assert_eq!(history.get("loss").unwrap().len(), 3);
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

pub use keras_applications as applications;
pub use keras_io as io;
pub use keras_layers::{activations, constraints, initializers, layers, operations, regularizers};
pub use keras_metrics::{losses, metrics};
pub use keras_models::layers as layer_list;
pub use keras_tensor::{
    DType, Distribution, Error, Result, Shape, Tensor, Variable, ops, profile, random,
};

/// What happens around training besides training.
pub mod callbacks {
    #[cfg(feature = "hdf5")]
    pub use keras_io::callbacks::*;
    pub use keras_models::callbacks::*;
}

/// Data sets and pipelines.
pub mod datasets {
    pub use keras_datasets::*;
}

/// Models and what they are trained with.
pub mod models {
    #[cfg(feature = "hdf5")]
    pub use keras_io::{Saving, load_model, load_weights, save_model, save_weights};
    pub use keras_models::{
        Compile, Data, Evaluate, Fit, Logs, Model, Predict, Sequential, Structure, Style, Summary,
        clone_model,
    };
}

/// Optimizers and learning-rate schedules.
pub mod optimizers {
    pub use keras_optimizers::*;
}

/// Differentiation.
pub mod autograd {
    pub use keras_autograd::*;
}

/// What layers compute in and keep weights in.
pub mod dtype_policies {
    pub use keras_layers::DTypePolicy;
}

/// Settings of a thread.
pub mod config {
    pub use keras_layers::{dtype_policy, set_dtype_policy};
    pub use keras_tensor::threads;
}

/// Helpers around data, names and pictures.
pub mod utils {
    pub use keras_datasets::utils::*;
    pub use keras_io::{PlotModel, plot_history, plot_model};
    pub use keras_tensor::names::clear_session;
}

/// What most programs use.
pub mod prelude {
    #[cfg(feature = "hdf5")]
    pub use crate::callbacks::{BackupAndRestore, ModelCheckpoint};
    pub use crate::callbacks::{Callback, EarlyStopping, History};
    pub use crate::datasets::{Batch, Dataset};
    pub use crate::losses::*;
    pub use crate::models::*;
    pub use crate::optimizers::Optimizer;
    pub use crate::{DType, Tensor, Variable, ops};
    pub use keras_autograd::GradientTape;
    pub use keras_layers::layers::*;
    pub use keras_layers::{
        Argument, Arguments, Call, Declare, Dims, Layer, LayerExt, LayerRef, Symbolic, Weight,
        Weights,
    };
    pub use keras_models::layers;
}
