//! The networks of Szegedy et al. with several kinds of convolutions side by side.

pub mod inception_resnet_v2;
pub mod inception_v3;

use keras_layers::layers::{
    AveragePooling2D, BatchNormalization, Concatenate, Conv2D, MaxPooling2D,
};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::{Auto, activated};

/// Filters and a kernel.
type Taps = (usize, [usize; 2]);

fn unit(x: &Symbolic, (filters, kernel): Taps, stride: usize, padding: &str) -> Result<Symbolic> {
    let conv = Conv2D::new(filters, kernel)
        .strides(stride)
        .padding(padding);
    let x = LayerRef::from(conv.use_bias(false)).on(x)?;
    let x = LayerRef::from(BatchNormalization::new().axis(3).scale(false)).on(&x)?;
    activated(&x, "relu", Auto)
}

/// Normalized convolutions one after the other, which leave rows and columns as they are.
fn chain(x: &Symbolic, all: &[Taps]) -> Result<Symbolic> {
    let mut x = x.clone();
    for &taps in all {
        x = unit(&x, taps, 1, "same")?;
    }
    Ok(x)
}

/// [`chain`], and one convolution more that leaves half of the rows and columns.
fn halving(x: &Symbolic, all: &[Taps], last: Taps) -> Result<Symbolic> {
    unit(&chain(x, all)?, last, 2, "valid")
}

/// The mean of the neighbours of each pixel, and a convolution of it.
fn averaged(x: &Symbolic, filters: usize) -> Result<Symbolic> {
    let pool = AveragePooling2D::new(3).strides(1).padding("same");
    chain(&LayerRef::from(pool).on(x)?, &[(filters, [1, 1])])
}

/// The largest of the neighbours of every second pixel.
fn halved(x: &Symbolic) -> Result<Symbolic> {
    LayerRef::from(MaxPooling2D::new(3).strides(2)).on(x)
}

fn joined(branches: &[Symbolic], name: &str) -> Result<Symbolic> {
    Concatenate::new().axis(3).name(name).on(branches.to_vec())
}

/// What both networks begin with.
fn stem(x: &Symbolic) -> Result<Symbolic> {
    let x = unit(x, (32, [3, 3]), 2, "valid")?;
    let x = unit(&x, (32, [3, 3]), 1, "valid")?;
    let x = unit(&x, (64, [3, 3]), 1, "same")?;
    let x = unit(&halved(&x)?, (80, [1, 1]), 1, "valid")?;
    halved(&unit(&x, (192, [3, 3]), 1, "valid")?)
}
