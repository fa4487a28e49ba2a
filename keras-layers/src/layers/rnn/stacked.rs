use keras_tensor::{DType, Error, Outputs, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};

use super::cell::{self, Noise, RnnCell};
use crate::{Arguments, Call, Dims, Layer, LayerRef, Weights};

/// Cells on top of each other, as one cell: each takes the output of the one before; their states follow each other.
///
/// ```
/// use keras_layers::{Arguments, Call, LayerRef, layers::{LSTMCell, SimpleRNNCell, StackedRNNCells}};
/// use keras_tensor::ops;
/// let cells = [LSTMCell::new(4).into(), SimpleRNNCell::new(3).into()];
/// let cell = LayerRef::from(StackedRNNCells::new(cells));
/// let all = cell.call_many(Arguments::new(ops::ones([2, 6], Default::default())?), &Call::inference())?;
/// assert_eq!((all[0].shape().to_string(), all.len()), ("(2, 3)".into(), 4));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackedRNNCells {
    cells: Vec<LayerRef>,
}

/// A cell with the shape of its input and those of its states.
struct Placed<'a> {
    cell: &'a dyn RnnCell,
    input: Shape,
    states: Vec<Shape>,
}

impl StackedRNNCells {
    /// Of these cells, from the first that sees the input to the last.
    pub fn new(cells: impl IntoIterator<Item = LayerRef>) -> Self {
        StackedRNNCells {
            cells: cells.into_iter().collect(),
        }
    }

    fn placed(&self, step: &Shape) -> Result<Vec<Placed<'_>>> {
        let mut input = step.clone();
        let mut all = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let cell = cell.as_cell()?;
            let states = cell.state_shapes(&input)?;
            let output = states.first().unwrap_or(&input).clone();
            let input = std::mem::replace(&mut input, output);
            all.push(Placed {
                cell,
                input,
                states,
            });
        }
        Ok(all)
    }

    fn first(&self) -> Result<&dyn RnnCell> {
        let first = self.cells.first();
        first
            .ok_or_else(|| Error::argument("cells", "no cell", "at least one"))?
            .as_cell()
    }
}

impl Layer for StackedRNNCells {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        self.first()?;
        let mut dims = input.clone();
        for cell in &self.cells {
            w.layer_in("cells", cell);
            cell.build(dims.clone())?;
            // Any size of the batch will do to learn the others.
            let step: Shape = dims.iter().map(|n| n.unwrap_or(1)).collect();
            let states = cell.as_cell()?.state_shapes(&step)?;
            let output = Dims::from(states.first().unwrap_or(&step));
            let batch = dims.first().copied().flatten();
            dims = std::iter::once(batch)
                .chain(output.iter().skip(1).copied())
                .collect();
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        cell::call(self, inputs, cx)
    }

    fn cell(&self) -> Option<&dyn RnnCell> {
        Some(self)
    }
}

impl RnnCell for StackedRNNCells {
    fn state_count(&self) -> usize {
        let counts = self
            .cells
            .iter()
            .map(|c| c.as_cell().map_or(0, RnnCell::state_count));
        counts.sum()
    }

    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        let all = self.placed(step)?.into_iter();
        Ok(all.flat_map(|placed| placed.states).collect())
    }

    fn noise(&self, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
        let all = self.placed(step)?.into_iter();
        let inner = all.map(|placed| placed.cell.noise(&placed.input, dtype, cx));
        Ok(Noise {
            inner: inner.collect::<Result<_>>()?,
            ..Noise::default()
        })
    }

    fn project(&self, steps: &Tensor, noise: &Noise) -> Result<Tensor> {
        self.first()?.project(steps, &noise.inner[0])
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        noise: &Noise,
        cx: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let (mut y, mut rest) = (x.clone(), states);
        let mut after = Vec::with_capacity(states.len());
        for (i, (layer, noise)) in self.cells.iter().zip(&noise.inner).enumerate() {
            let cell = layer.as_cell()?;
            let (own, others) = rest.split_at(cell.state_count().min(rest.len()));
            rest = others;
            let next = match i {
                0 => cell.step(&y, own, noise, cx)?,
                _ => cell::step(cell, &y, own, noise, cx)?,
            };
            y = next.0;
            after.extend(next.1);
        }
        Ok((y, after))
    }
}
