//! W6: a training step of a recurrent network on sequences of words.

use keras::prelude::*;

use super::{Options, Round, training};
use crate::digits::Random;

const BATCH: usize = 32;
const LENGTH: usize = 200;
const WORDS: usize = 20_000;
const WIDTH: usize = 128;
/// Batches that take turns.
const BATCHES: usize = 6;

pub(super) fn lstm(_: &Options) -> keras::Result<Round> {
    let mut network = Sequential::new(layers![
        Input::new([LENGTH]).dtype(DType::I32),
        Embedding::new(WORDS, WIDTH),
        LSTM::new(WIDTH),
        Dense::new(1).activation("sigmoid"),
    ]);
    network.compile(Compile::new("adam", "binary_crossentropy").metric("accuracy"))?;
    let mut random = Random(6);
    let mut batch = || -> keras::Result<(Tensor, Tensor)> {
        let x = random.integers(&[BATCH, LENGTH], WORDS)?;
        let y = ops::cast(random.integers(&[BATCH, 1], 2)?, DType::F32)?;
        Ok((x, y))
    };
    let batches = (0..BATCHES)
        .map(|_| batch())
        .collect::<keras::Result<_>>()?;
    Ok(training(network, batches))
}
