//! W7: a training step of four transformer blocks.

use keras::prelude::*;

use super::{Options, Round, training};
use crate::digits::Random;

const BATCH: usize = 16;
const LENGTH: usize = 128;
const WIDTH: usize = 256;
const HEADS: usize = 8;
const BLOCKS: usize = 4;
const CLASSES: usize = 10;

/// Attention and a feed-forward part, each with a way around it.
fn block(x: &Symbolic) -> keras::Result<Symbolic> {
    let norm = || LayerNormalization::new().epsilon(1e-6);
    let seen = MultiHeadAttention::new(HEADS, WIDTH / HEADS).on(Arguments::new(x).and(x))?;
    let x = norm().on(&(x + &seen))?;
    let wide = Dense::new(4 * WIDTH).activation("relu").on(&x)?;
    let thin = Dense::new(WIDTH).on(&wide)?;
    norm().on(&(x + &thin))
}

pub(super) fn transformer(_: &Options) -> keras::Result<Round> {
    let input = Input::new([LENGTH, WIDTH]).symbolic();
    let hidden = (0..BLOCKS).try_fold(input.clone(), |x, _| block(&x))?;
    let pooled = GlobalAveragePooling1D::new().on(&hidden)?;
    let output = Dense::new(CLASSES).on(&pooled)?;
    let mut network = Model::new(&input, &output)?;
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    network.compile(Compile::new("adam", loss))?;
    let mut random = Random(7);
    let x = random.tensor(&[BATCH, LENGTH, WIDTH])?;
    let y = random.integers(&[BATCH], CLASSES)?;
    Ok(training(Box::new(network), vec![(x, y)]))
}
