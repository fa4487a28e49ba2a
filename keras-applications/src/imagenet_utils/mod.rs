//! What networks for ImageNet have in common: how pixels are scaled for them, and what their 1000 classes are.

mod predictions;
mod preprocess;

pub use predictions::{Prediction, class_index, decode_predictions};
pub use preprocess::{Mode, bgr, centered, normalized, preprocess_input, unchanged};
