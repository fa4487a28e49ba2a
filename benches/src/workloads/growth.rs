//! Stacks of one kind of layer, in any size: how their cost grows with it.

use keras::prelude::*;

use super::{Options, Round, training};
use crate::digits::Random;

/// A training step of a stack of `depth` layers of `width`, with plain SGD and a mean squared error.
pub(super) fn growth(options: &Options) -> keras::Result<Round> {
    let &Options {
        batch,
        width,
        depth,
        length,
        ..
    } = options;
    let shape = match options.family.as_str() {
        "dense" => vec![width],
        "conv" => vec![length, length, width],
        _ => vec![length, width],
    };
    let input = Input::new(&keras::Shape::from(&shape[..])).symbolic();
    let layer = |x: Symbolic| match options.family.as_str() {
        "dense" => Dense::new(width).activation("relu").on(&x),
        "conv" => Conv2D::new(width, 3)
            .padding("same")
            .activation("relu")
            .on(&x),
        "lstm" => LSTM::new(width).return_sequences(true).on(&x),
        "attention" => MultiHeadAttention::new(4, width / 4).on(Arguments::new(&x).and(&x)),
        other => Err(keras::Error::argument(
            "family",
            other,
            "dense, conv, lstm or attention",
        )),
    };
    let output = (0..depth).try_fold(input.clone(), |x, _| layer(x))?;
    let mut network = Model::new(&input, &output)?;
    network.compile(Compile::new("sgd", "mse"))?;
    let shape: Vec<usize> = std::iter::once(batch).chain(shape).collect();
    let mut random = Random(9);
    let data = (random.tensor(&shape)?, random.tensor(&shape)?);
    Ok(training(Box::new(network), vec![data]))
}
