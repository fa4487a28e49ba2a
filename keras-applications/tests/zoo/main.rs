//! The zoo against real Keras.

mod arguments;
mod formula;
mod golden;
mod tutorial;
