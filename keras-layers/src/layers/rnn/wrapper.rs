use keras_tensor::{Outputs, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::sequence::{Options, States, sequence_setters};
use super::stacked::StackedRNNCells;
use crate::{Arguments, Call, Dims, Layer, LayerRef, Weights};

/// Runs a cell, or several on top of each other, through a sequence `[batch, time, ..]`.
///
/// Gives the cell's output of the last step `[batch, ..]`, or of all steps `[batch, time, ..]` with `return_sequences`,
/// then the last states with `return_state`. `initial_state` is a list of states; those of stacked cells follow each
/// other.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::{GRUCell, LSTMCell, RNN}};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(RNN::stacked([LSTMCell::new(4).into(), GRUCell::new(3).into()]));
/// let y = layer.call(&ops::ones([2, 5, 6], Default::default())?, &Call::inference())?;
/// assert_eq!(y.shape().to_string(), "(2, 3)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RNN {
    #[serde(flatten)]
    options: Options,
    cell: LayerRef,
    #[serde(skip)]
    states: States,
}

impl RNN {
    /// Runs this cell.
    pub fn new(cell: impl Into<LayerRef>) -> Self {
        RNN {
            options: Options::default(),
            cell: cell.into(),
            states: States::default(),
        }
    }

    /// Runs these cells, each on the output of the one before.
    pub fn stacked(cells: impl IntoIterator<Item = LayerRef>) -> Self {
        RNN::new(StackedRNNCells::new(cells))
    }

    sequence_setters!();
}

impl Layer for RNN {
    fn takes_mask(&self) -> bool {
        true
    }

    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        w.layer_as("cell", &self.cell);
        self.options.build(&self.cell, &self.states, input)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&x.into(), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.options.run(&self.cell, &self.states, inputs, cx)
    }

    fn mask(&self, x: &Tensor) -> Result<Option<Tensor>> {
        Ok(x.mask().filter(|_| self.options.return_sequences).cloned())
    }

    fn reset_state(&self) -> Result<()> {
        self.states.reset()
    }
}
