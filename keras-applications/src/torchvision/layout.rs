//! How torch lays weights out, and how Keras does.

use keras_layers::Dims;
use keras_tensor::{Result, Tensor, ops};

/// A weight of torch in Keras's layout.
///
/// # Arguments
/// - `class`: the layer that it is for.
/// - `flattened`: `[batch, rows, columns, channels]` of what was flattened before a dense layer, if something was.
pub(super) fn ours(value: &Tensor, class: &str, flattened: Option<&Dims>) -> Result<Tensor> {
    match (value.rank(), class) {
        // [channels, 1, rows, columns]
        (4, "DepthwiseConv2D") => ops::transpose(value, Some(&[2, 3, 0, 1])),
        // [filters, channels, rows, columns]
        (4, _) => ops::transpose(value, Some(&[2, 3, 1, 0])),
        // [outputs, inputs]
        (2, _) => {
            let value = ops::transpose(value, Some(&[1, 0]))?;
            match flattened {
                Some(dims) => channels_last(&value, dims),
                None => Ok(value),
            }
        }
        _ => Ok(value.clone()),
    }
}

/// The rows of a kernel that multiplies `[channels, rows, columns]`, in the order of `[rows, columns, channels]`.
fn channels_last(kernel: &Tensor, flattened: &Dims) -> Result<Tensor> {
    let sizes: Vec<usize> = flattened.iter().skip(1).filter_map(|n| *n).collect();
    let (&[rows, columns, channels], &[inputs, outputs]) = (&sizes[..], &kernel.shape()[..]) else {
        return Ok(kernel.clone());
    };
    let parts = ops::reshape_to(kernel, [channels, rows, columns, outputs].into())?;
    ops::reshape_to(
        ops::transpose(&parts, Some(&[1, 2, 0, 3]))?,
        [inputs, outputs].into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[usize]) -> Tensor {
        let data: Vec<f32> = (0..shape.iter().product())
            .map(|i: usize| i as f32)
            .collect();
        Tensor::new(&data, shape).unwrap()
    }

    #[test]
    fn kernels_are_turned() {
        let conv = ours(&numbers(&[2, 3, 1, 1]), "Conv2D", None).unwrap();
        assert_eq!(conv.shape()[..], [1, 1, 3, 2]);
        assert_eq!(
            conv.to_vec::<f32>().unwrap(),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        let depthwise = ours(&numbers(&[3, 1, 2, 2]), "DepthwiseConv2D", None).unwrap();
        assert_eq!(depthwise.shape()[..], [2, 2, 3, 1]);
        assert_eq!(depthwise.to_vec::<f32>().unwrap()[..3], [0.0, 4.0, 8.0]);
    }

    #[test]
    fn the_dense_layer_after_a_flattening_sees_channels_last() {
        let dims: Dims = [None, Some(1), Some(2), Some(2)].into();
        let kernel = ours(&numbers(&[1, 4]), "Dense", Some(&dims)).unwrap();
        assert_eq!(kernel.to_vec::<f32>().unwrap(), [0.0, 2.0, 1.0, 3.0]);
    }
}
