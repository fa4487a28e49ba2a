//! The zoo against real Keras.

mod arguments;
mod formula;
mod golden;
mod plans;
mod pretrained;
mod step;
mod torchvision;
mod tutorial;
