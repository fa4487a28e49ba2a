use keras_tensor::ops::Operand;
use keras_tensor::{DType, Error, Result, Tensor, ops};
use std::str::FromStr;

/// How pixels are scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// `"caffe"`: red and blue change places, and the means of ImageNet's pixels are taken away.
    Caffe,
    /// `"tf"`: from -1 to 1.
    Tf,
    /// `"torch"`: from 0 to 1, then with the mean and standard deviation of ImageNet's pixels taken out.
    Torch,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "caffe" => Ok(Mode::Caffe),
            "tf" => Ok(Mode::Tf),
            "torch" => Ok(Mode::Torch),
            _ => Err(Error::argument(
                "preprocess_input.mode",
                format!("{name:?}"),
                "\"caffe\", \"tf\" or \"torch\"",
            )),
        }
    }
}

/// Pixels of 0 to 255 as networks want them; each family of networks has its own function of this name.
///
/// - `x`: images `[batch, rows, columns, channels]` or `[rows, columns, channels]` in red, green and blue; whole numbers
///   become floats.
/// - `mode`: `"caffe"`, Keras's default, `"tf"` or `"torch"`.
///
/// ```
/// use keras_applications::imagenet_utils::{Mode, preprocess_input};
/// use keras_tensor::Tensor;
/// let x = Tensor::new(&[0u8, 51, 255], [1, 1, 3])?;
/// assert_eq!(preprocess_input(&x, Mode::Tf)?.to_string(), "[[[-1 -0.6 1]]]");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Images that have not three channels, except for `"tf"`.
pub fn preprocess_input(x: impl Operand, mode: Mode) -> Result<Tensor> {
    let x = x.tensor()?;
    let x = match x.dtype().is_float() {
        true => x.into_owned(),
        false => ops::cast(x.as_ref(), DType::F32)?,
    };
    if mode == Mode::Tf {
        return ops::subtract(ops::divide(x, 127.5)?, 1.0);
    }
    if x.shape().last() != Some(&3) {
        let wanted = "images of 3 channels, which are the last axis";
        return Err(Error::shape("preprocess_input", &[x.shape()], wanted));
    }
    let channels = |values: [f64; 3]| Tensor::from_f64(&values, [3], x.dtype());
    if mode == Mode::Caffe {
        let swapped = ops::take(&x, Tensor::new(&[2i32, 1, 0], [3])?, -1)?;
        return ops::subtract(swapped, channels([103.939, 116.779, 123.68])?);
    }
    let x = ops::subtract(ops::divide(&x, 255.0)?, channels([0.485, 0.456, 0.406])?)?;
    ops::divide(x, channels([0.229, 0.224, 0.225])?)
}

/// Pixels of 0 to 255 for these networks: blue, green, red, without the means of ImageNet's pixels.
///
/// # Errors
/// Images `[.., rows, columns, channels]` that have not three channels.
pub fn bgr(x: impl Operand) -> Result<Tensor> {
    preprocess_input(x, Mode::Caffe)
}

/// Pixels of 0 to 255 for these networks: from -1 to 1.
///
/// # Errors
/// Never but for want of memory.
pub fn centered(x: impl Operand) -> Result<Tensor> {
    preprocess_input(x, Mode::Tf)
}

/// Pixels of 0 to 255 for these networks: from 0 to 1, with the mean and standard deviation of ImageNet's taken out.
///
/// # Errors
/// Images `[.., rows, columns, channels]` that have not three channels.
pub fn normalized(x: impl Operand) -> Result<Tensor> {
    preprocess_input(x, Mode::Torch)
}

/// Pixels of 0 to 255 for these networks: as they are, because the networks scale them.
///
/// # Errors
/// Never but for want of memory.
pub fn unchanged(x: impl Operand) -> Result<Tensor> {
    Ok(x.tensor()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Values of Keras 3.15.1.
    #[test]
    fn pixels_are_scaled_as_in_keras() {
        let x = Tensor::new(&[10u8, 20, 30, 250, 128, 0], [1, 2, 3]).unwrap();
        for (mode, expected) in [
            (
                "caffe",
                [-73.939, -96.779, -113.68, -103.939, 11.221, 126.32],
            ),
            (
                "tf",
                [
                    -0.9215686, -0.8431373, -0.7647059, 0.9607843, 0.0039216, -1.0,
                ],
            ),
            (
                "torch",
                [
                    -1.9466565, -1.6855742, -1.2815686, 2.1632845, 0.2051822, -1.8044444,
                ],
            ),
        ] {
            let y = preprocess_input(&x, mode.parse().unwrap()).unwrap();
            for (got, expected) in y.to_f64_vec().unwrap().into_iter().zip(expected) {
                assert!((got - expected).abs() < 1e-5, "{mode}: {got} {expected}");
            }
        }
        assert!("pytorch".parse::<Mode>().is_err());
        assert!(bgr(Tensor::new(&[1.0f32], [1, 1, 1]).unwrap()).is_err());
    }
}
