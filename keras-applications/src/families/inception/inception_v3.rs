//! InceptionV3: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
use keras_layers::layers::{Concatenate, GlobalAveragePooling2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::{averaged, chain, halved, halving, joined, stem};
use crate::blocks::Auto;
use crate::{Application, Published};

family! {
    /// InceptionV3.
    InceptionV3 {
        model_name: |_, _| "inception_v3".into(),
        default_size: |_| 299,
        min_size: 75,
        body: network,
        published: |a, _| Published::kernels(a, "inception_v3", ["bcbd6486424b2319ff4ef7d526e38f63", "9a0d58056eeedaa3f26cb7ebd46da564"]),
    }
}

fn network(a: &Application, x: &Symbolic) -> Result<Symbolic> {
    let mut x = stem(x)?;
    for (i, pooled) in [32, 64, 64].into_iter().enumerate() {
        x = square(&x, pooled, &format!("mixed{i}"))?;
    }
    let branches = [
        halving(&x, &[], (384, [3, 3]))?,
        halving(&x, &[(64, [1, 1]), (96, [3, 3])], (96, [3, 3]))?,
        halved(&x)?,
    ];
    x = joined(&branches, "mixed3")?;
    for (i, filters) in (4..).zip([128, 160, 160, 192]) {
        x = crossed(&x, filters, &format!("mixed{i}"))?;
    }
    let crossing = [(192, [1, 1]), (192, [1, 7]), (192, [7, 1])];
    let branches = [
        halving(&x, &[(192, [1, 1])], (320, [3, 3]))?,
        halving(&x, &crossing, (192, [3, 3]))?,
        halved(&x)?,
    ];
    x = joined(&branches, "mixed8")?;
    for i in 0..2 {
        x = spread(&x, i)?;
    }
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let x = GlobalAveragePooling2D::new().name("avg_pool").on(&x)?;
    a.predictions(&x, "predictions")
}

/// Kernels of 1, 3 and 5 pixels squared.
fn square(x: &Symbolic, pooled: usize, name: &str) -> Result<Symbolic> {
    let branches = [
        chain(x, &[(64, [1, 1])])?,
        chain(x, &[(48, [1, 1]), (64, [5, 5])])?,
        chain(x, &[(64, [1, 1]), (96, [3, 3]), (96, [3, 3])])?,
        averaged(x, pooled)?,
    ];
    joined(&branches, name)
}

/// Kernels of a row of 7 pixels, and of a column.
fn crossed(x: &Symbolic, filters: usize, name: &str) -> Result<Symbolic> {
    let (row, column) = ([1, 7], [7, 1]);
    let twice = [
        (filters, [1, 1]),
        (filters, column),
        (filters, row),
        (filters, column),
        (192, row),
    ];
    let branches = [
        chain(x, &[(192, [1, 1])])?,
        chain(x, &[(filters, [1, 1]), (filters, row), (192, column)])?,
        chain(x, &twice)?,
        averaged(x, 192)?,
    ];
    joined(&branches, name)
}

/// Rows and columns of 3 pixels side by side.
fn spread(x: &Symbolic, i: usize) -> Result<Symbolic> {
    let one = chain(x, &[(320, [1, 1])])?;
    let both = |x: &Symbolic| -> Result<[Symbolic; 2]> {
        Ok([chain(x, &[(384, [1, 3])])?, chain(x, &[(384, [3, 1])])?])
    };
    let three = both(&chain(x, &[(384, [1, 1])])?)?;
    let three = joined(&three, &format!("mixed9_{i}"))?;
    let double = both(&chain(x, &[(448, [1, 1]), (384, [3, 3])])?)?;
    let double = LayerRef::from(Concatenate::new().axis(3)).on(double.to_vec())?;
    joined(
        &[one, three, double, averaged(x, 192)?],
        &format!("mixed{}", 9 + i),
    )
}
