//! Weights of Keras 1, of Theano and of the CuDNN layers of Keras 2, in the layout of today.

use keras_layers::LayerRef;
use keras_tensor::{DType, Result, Tensor, Variable, ops};

/// What wrote a legacy file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Origin {
    /// Keras 1, which did not always say so.
    pub(super) keras1: bool,
    /// Theano flips the kernels of convolutions.
    pub(super) theano: bool,
}

/// The stored values of a layer's weights, converted where the layout has changed.
pub(super) fn convert(
    layer: &LayerRef,
    wanted: &[Variable],
    mut stored: Vec<Tensor>,
    origin: &Origin,
) -> Result<Vec<Tensor>> {
    if origin.keras1 {
        if let Some(gates) = gates(wanted.len(), stored.len()) {
            stored = join_gates(&stored, gates)?;
        }
        for (value, variable) in stored.iter_mut().zip(wanted) {
            *value = kernel_of_keras1(layer.class_name(), value, variable.shape())?;
        }
    }
    if origin.theano && layer.class_name().contains("Conv") {
        for (value, variable) in stored.iter_mut().zip(wanted) {
            // The last two axes of a kernel are channels.
            if variable.name().contains("kernel") && variable.name() != "recurrent_kernel" {
                for axis in 0..value.rank().saturating_sub(2) {
                    *value = flipped(value, axis)?;
                }
            }
        }
    }
    let shape = |t: &Tensor| t.shape().iter().map(|&n| n as u64).collect();
    if is_cudnn(wanted, &stored.iter().map(shape).collect::<Vec<_>>()) {
        stored = from_cudnn(&stored, wanted)?;
    }
    Ok(stored)
}

/// Whether recurrent layers have biases as CuDNN's have them: one for each product, in one row.
pub(super) fn is_cudnn(wanted: &[Variable], stored: &[Vec<u64>]) -> bool {
    let groups = wanted.len() / 3;
    if groups == 0 || wanted.len() != 3 * groups || stored.len() != wanted.len() {
        return false;
    }
    let mut biases = wanted.iter().zip(stored).skip(2).step_by(3);
    biases.all(|(bias, stored)| match (&bias.shape()[..], &stored[..]) {
        ([one], [size]) => bias.name() == "bias" && *size == 2 * *one as u64,
        ([2, one], [size]) => *size == 2 * *one as u64,
        _ => false,
    })
}

/// Each gate's part of a kernel has its numbers in the other order, and an LSTM has one bias, the sum of two.
fn from_cudnn(stored: &[Tensor], wanted: &[Variable]) -> Result<Vec<Tensor>> {
    let mut all = Vec::new();
    for (weights, wanted) in stored.chunks(3).zip(wanted.chunks(3)) {
        let units = weights[1].shape().first().copied().unwrap_or(0);
        let turned = |kernel: &Tensor| {
            let rows = kernel.shape()[0];
            let width = kernel.shape().last().copied().unwrap_or(0);
            let gates = (0..width / units.max(1)).map(|gate| {
                let part = ops::slice_axis(kernel, -1, gate * units, units)?;
                ops::transpose(ops::reshape_to(&part, [units, rows].into())?, None)
            });
            let gates = gates.collect::<Result<Vec<_>>>()?;
            ops::concatenate(&gates.iter().collect::<Vec<_>>(), -1)
        };
        all.push(turned(&weights[0])?);
        all.push(turned(&weights[1])?);
        let halves = ops::reshape(&weights[2], &[2, -1])?;
        all.push(match wanted[2].shape().rank() {
            1 => ops::sum(&halves, [0])?,
            _ => halves,
        });
    }
    Ok(all)
}

/// The places of a recurrent layer's gates, where each gate has weights of its own: Keras 1 stored an LSTM's in the order
/// input, cell, forget, output, each with kernel, recurrent kernel and bias.
fn gates(wanted: usize, stored: usize) -> Option<&'static [usize]> {
    match (wanted, stored) {
        (3, 12) | (6, 24) => Some(&[0, 2, 1, 3]),
        (3, 9) | (6, 18) => Some(&[0, 1, 2]),
        _ => None,
    }
}

fn join_gates(stored: &[Tensor], gates: &[usize]) -> Result<Vec<Tensor>> {
    let mut joined = Vec::new();
    // The two directions of a bidirectional layer follow each other.
    for direction in stored.chunks(3 * gates.len()) {
        for kind in 0..3 {
            let parts: Vec<&Tensor> = gates.iter().map(|g| &direction[3 * g + kind]).collect();
            joined.push(ops::concatenate(&parts, -1)?);
        }
    }
    Ok(joined)
}

/// A kernel of a convolution: Keras 1 put the filters first where channels came first, and gave kernels of one dimension
/// a second.
fn kernel_of_keras1(class: &str, value: &Tensor, wanted: &[usize]) -> Result<Tensor> {
    let fits = |shape: &[usize]| shape == wanted;
    if fits(value.shape()) || !class.contains("Conv") {
        return Ok(value.clone());
    }
    let shape = value.shape().to_vec();
    let order: &[usize] = match (class, shape.len()) {
        ("Conv1D", 4) => {
            // [length, 1, input, filters], or [filters, input, length, 1].
            let last = if shape[1] == 1 && fits(&[shape[0], shape[2], shape[3]]) {
                value.clone()
            } else {
                ops::transpose(value, Some(&[2, 3, 1, 0]))?
            };
            let shape = [last.shape()[0], last.shape()[2], last.shape()[3]];
            return if fits(&shape) {
                ops::reshape_to(&last, shape.into())
            } else {
                Ok(value.clone())
            };
        }
        ("Conv2DTranspose", 4) if fits(&[shape[0], shape[1], shape[3], shape[2]]) => &[0, 1, 3, 2],
        ("Conv2DTranspose", 4) => &[2, 3, 0, 1],
        (_, 4) => &[2, 3, 1, 0],
        (_, 5) => &[2, 3, 4, 1, 0],
        _ => return Ok(value.clone()),
    };
    let turned: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    if !fits(&turned) {
        return Ok(value.clone());
    }
    ops::transpose(value, Some(order))
}

/// The places along an axis in the opposite order.
fn flipped(value: &Tensor, axis: usize) -> Result<Tensor> {
    let size = value.shape()[axis] as i64;
    let places = ops::subtract(size - 1, ops::arange(0, size, DType::I32)?)?;
    ops::take(value, places, axis as isize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_layers::layers::{Bidirectional, Conv1D, Conv2D, GRU, LSTM};

    fn counted(shape: &[usize], from: f32) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|i| from + i as f32)
            .collect();
        Tensor::new(&values, shape).unwrap()
    }

    fn of(
        layer: impl Into<LayerRef>,
        shape: &[usize],
        stored: Vec<Tensor>,
        origin: &Origin,
    ) -> Vec<Tensor> {
        let layer = layer.into();
        let dims = std::iter::once(None).chain(shape.iter().map(|&n| Some(n)));
        layer.build(dims.collect::<keras_layers::Dims>()).unwrap();
        let wanted = layer.weights();
        let values = convert(&layer, &wanted, stored, origin).unwrap();
        for (value, variable) in values.iter().zip(&wanted) {
            assert_eq!(value.shape(), variable.shape());
        }
        values
    }

    #[test]
    fn gates_are_joined_in_the_order_of_today() {
        let keras1 = Origin {
            keras1: true,
            theano: false,
        };
        // Input 2, units 1; gate g has kernel [10g, 10g + 1], recurrent kernel [10g + 5], bias [10g + 7].
        let gate = |g: usize| {
            let at = |n: f32, shape: &[usize]| counted(shape, 10.0 * g as f32 + n);
            [at(0.0, &[2, 1]), at(5.0, &[1, 1]), at(7.0, &[1])]
        };
        let lstm: Vec<Tensor> = (0..4).flat_map(gate).collect();
        let values = of(LSTM::new(1), &[3, 2], lstm.clone(), &keras1);
        assert_eq!(
            values[0].to_vec::<f32>().unwrap(),
            [0., 20., 10., 30., 1., 21., 11., 31.]
        );
        assert_eq!(values[1].to_vec::<f32>().unwrap(), [5., 25., 15., 35.]);
        assert_eq!(values[2].to_vec::<f32>().unwrap(), [7., 27., 17., 37.]);
        let both: Vec<Tensor> = lstm.iter().chain(&lstm).cloned().collect();
        let values = of(Bidirectional::new(LSTM::new(1)), &[3, 2], both, &keras1);
        assert_eq!(values[5].to_vec::<f32>().unwrap(), [7., 27., 17., 37.]);
        let gru: Vec<Tensor> = (0..3).flat_map(gate).collect();
        let values = of(GRU::new(1).reset_after(false), &[3, 2], gru, &keras1);
        assert_eq!(values[1].to_vec::<f32>().unwrap(), [5., 15., 25.]);
    }

    #[test]
    fn kernels_are_turned() {
        let keras1 = Origin {
            keras1: true,
            theano: false,
        };
        let bias = || Tensor::new(&[0.0f32; 5], [5]).unwrap();
        let values = of(
            Conv2D::new(5, [2, 3]),
            &[6, 6, 4],
            vec![counted(&[5, 4, 2, 3], 0.0), bias()],
            &keras1,
        );
        // Row 0, column 1, input 2, filter 3.
        let at = |t: &Tensor, place: usize| t.to_vec::<f32>().unwrap()[place];
        assert_eq!(
            at(&values[0], (4 + 2) * 5 + 3),
            ((3 * 4 + 2) * 6 + 1) as f32
        );
        let values = of(
            Conv1D::new(5, [2]),
            &[6, 4],
            vec![counted(&[2, 1, 4, 5], 0.0), bias()],
            &keras1,
        );
        assert_eq!(at(&values[0], 7), 7.0);
        let theano = Origin {
            keras1: false,
            theano: true,
        };
        let values = of(
            Conv1D::new(5, [2]),
            &[6, 4],
            vec![counted(&[2, 4, 5], 0.0), bias()],
            &theano,
        );
        assert_eq!((at(&values[0], 0), at(&values[0], 20)), (20.0, 0.0));
    }
}
