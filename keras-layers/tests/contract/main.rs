//! What every layer, initializer, regularizer, constraint and activation of the tables keeps to.

mod examples;
mod layers;
mod objects;
