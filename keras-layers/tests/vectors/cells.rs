//! The cells that Keras's tests define for themselves, as layers outside of the tables.

use keras_layers::layers::{Noise, RNN, RnnCell};
use keras_layers::{Call, Dims, Layer, LayerExt, LayerRef, Weight, Weights};
use keras_tensor::{Error, Result, Shape, Tensor, ops};
use serde_json::Value;

#[derive(Default)]
struct OneStateRNNCell {
    units: usize,
    kernel: Weight,
    recurrent_kernel: Weight,
}

#[derive(Default)]
struct TwoStatesRNNCell {
    units: usize,
    kernel: Weight,
    recurrent_kernel_1: Weight,
    recurrent_kernel_2: Weight,
}

fn not_called() -> Error {
    Error::not_ready("a cell", "run it by RNN")
}

impl Layer for OneStateRNNCell {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let n = self.units;
        w.add(&self.kernel, "kernel", [input.last()?, n], "ones")?;
        w.add(&self.recurrent_kernel, "recurrent_kernel", [n, n], "ones")
    }

    fn call(&self, _: &Tensor, _: &Call) -> Result<Tensor> {
        Err(not_called())
    }

    fn cell(&self) -> Option<&dyn RnnCell> {
        Some(self)
    }
}

impl RnnCell for OneStateRNNCell {
    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        Ok(vec![[step[0], self.units].into()])
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        _: &Noise,
        _: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let h = ops::matmul(x, &self.kernel)?;
        let y = ops::add(h, ops::matmul(&states[0], &self.recurrent_kernel)?)?;
        Ok((y.clone(), vec![y]))
    }
}

impl Layer for TwoStatesRNNCell {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let n = self.units;
        w.add(&self.kernel, "kernel", [input.last()?, n], "ones")?;
        w.add(
            &self.recurrent_kernel_1,
            "recurrent_kernel_1",
            [n, n],
            "ones",
        )?;
        w.add(
            &self.recurrent_kernel_2,
            "recurrent_kernel_2",
            [n, n],
            "ones",
        )
    }

    fn call(&self, _: &Tensor, _: &Call) -> Result<Tensor> {
        Err(not_called())
    }

    fn cell(&self) -> Option<&dyn RnnCell> {
        Some(self)
    }
}

impl RnnCell for TwoStatesRNNCell {
    fn state_shapes(&self, step: &Shape) -> Result<Vec<Shape>> {
        Ok(vec![[step[0], self.units].into(); 2])
    }

    fn state_count(&self) -> usize {
        2
    }

    fn step(
        &self,
        x: &Tensor,
        states: &[Tensor],
        _: &Noise,
        _: &Call,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let h = ops::matmul(x, &self.kernel)?;
        // Keras's test reads the first state twice.
        let first = ops::add(&h, ops::matmul(&states[0], &self.recurrent_kernel_1)?)?;
        let second = ops::add(&h, ops::matmul(&states[0], &self.recurrent_kernel_2)?)?;
        Ok((ops::add(&first, &second)?, vec![first, second]))
    }
}

fn cell(json: &Value) -> Option<LayerRef> {
    let units = json["config"]["units"].as_u64().unwrap_or_default() as usize;
    let name = json["config"]["name"].as_str().unwrap_or_default();
    match json["class_name"].as_str()? {
        "OneStateRNNCell" => {
            let cell = OneStateRNNCell {
                units,
                ..Default::default()
            };
            Some(cell.name(name))
        }
        "TwoStatesRNNCell" => {
            let cell = TwoStatesRNNCell {
                units,
                ..Default::default()
            };
            Some(cell.name(name))
        }
        _ => None,
    }
}

/// An `RNN` of such cells, if that is what the config says.
pub(crate) fn rnn(config: &Value) -> Option<LayerRef> {
    let layer = match config["cell"]["config"]["cells"].as_array() {
        Some(cells) => RNN::stacked(cells.iter().map(cell).collect::<Option<Vec<_>>>()?),
        None => RNN::new(cell(&config["cell"])?),
    };
    let flag = |key: &str| config[key] == true;
    let layer = layer
        .return_sequences(flag("return_sequences"))
        .return_state(flag("return_state"))
        .go_backwards(flag("go_backwards"))
        .stateful(flag("stateful"))
        .unroll(flag("unroll"))
        .zero_output_for_mask(flag("zero_output_for_mask"));
    Some(layer.name(config["name"].as_str().unwrap_or("rnn")))
}
