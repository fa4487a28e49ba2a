//! Images in other sizes.

use super::super::operand::floating;
use super::super::{Operand, matmul, reshape_to, take};
use super::images;
use crate::{Error, Result, Shape, Tensor};

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel that is nearest.
    Nearest,
    /// Between two pixels along each axis.
    Bilinear,
    /// Keys' cubic over four pixels along each axis, with `a = -0.5`.
    Bicubic,
    /// A windowed sinc over six pixels along each axis.
    Lanczos3,
    /// A windowed sinc over ten pixels along each axis.
    Lanczos5,
}

impl std::str::FromStr for Interpolation {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name.to_lowercase().as_str() {
            "nearest" => Ok(Interpolation::Nearest),
            "bilinear" => Ok(Interpolation::Bilinear),
            "bicubic" => Ok(Interpolation::Bicubic),
            "lanczos3" => Ok(Interpolation::Lanczos3),
            "lanczos5" => Ok(Interpolation::Lanczos5),
            _ => Err(Error::argument(
                "interpolation",
                format!("{name:?}"),
                "nearest, bilinear, bicubic, lanczos3 or lanczos5",
            )),
        }
    }
}

impl Interpolation {
    /// How many pixels away a pixel still counts.
    fn reach(self) -> f64 {
        match self {
            Interpolation::Nearest | Interpolation::Bilinear => 1.0,
            Interpolation::Bicubic => 2.0,
            Interpolation::Lanczos3 => 3.0,
            Interpolation::Lanczos5 => 5.0,
        }
    }

    /// How much a pixel counts at a distance.
    fn weight(self, distance: f64, antialias: bool) -> f64 {
        let mut x = distance.abs();
        match self {
            Interpolation::Nearest | Interpolation::Bilinear => (1.0 - x).max(0.0),
            Interpolation::Bicubic => {
                if !antialias {
                    // TensorFlow looks the cubic up in a table of 1024 steps then.
                    x = (x * 1024.0).round_ties_even() / 1024.0;
                }
                if x <= 1.0 {
                    (1.5 * x - 2.5) * x * x + 1.0
                } else if x < 2.0 {
                    ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
                } else {
                    0.0
                }
            }
            Interpolation::Lanczos3 | Interpolation::Lanczos5 => {
                let radius = self.reach();
                if x >= radius {
                    return 0.0;
                }
                if x < 1e-3 {
                    return 1.0;
                }
                let angle = std::f64::consts::PI * x;
                radius * angle.sin() * (angle / radius).sin() / (angle * angle)
            }
        }
    }

    /// How an axis of `new` pixels is made of one of `old`: `[new, old]`.
    fn matrix(self, old: usize, new: usize, antialias: bool) -> Vec<f64> {
        // Against aliasing, a pixel of a smaller image looks at all that it covers.
        let stretch = match antialias {
            true => (old as f64 / new as f64).max(1.0),
            false => 1.0,
        };
        let reach = self.reach() * stretch;
        let mut matrix = vec![0.0; new * old];
        for (at, row) in matrix.chunks_exact_mut(old.max(1)).enumerate() {
            let center = (at as f64 + 0.5) * old as f64 / new as f64;
            let first = (center - reach - 0.5).floor().max(0.0) as usize;
            let last = ((center + reach + 0.5).ceil() as usize).min(old);
            for (i, weight) in row.iter_mut().enumerate().take(last).skip(first) {
                *weight = self.weight((i as f64 + 0.5 - center) / stretch, antialias);
            }
            // Pixels beyond the edge do not count.
            let sum: f64 = row.iter().sum();
            if sum != 0.0 {
                row.iter_mut().for_each(|w| *w /= sum);
            }
        }
        matrix
    }
}

/// Images `[batch, rows, columns, channels]` in another size, as `keras.ops.image.resize` without anti-aliasing makes them:
/// pixels are squares, whose centers lie at halves.
///
/// ```
/// use keras_tensor::Tensor;
/// use keras_tensor::ops::{Interpolation, resize};
/// let x = Tensor::new(&[0.0f32, 4.0], [1, 1, 2, 1])?;
/// let y = resize(&x, [1, 4], Interpolation::Bilinear)?;
/// assert_eq!(y.to_f64_vec()?, [0.0, 1.0, 3.0, 4.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// No images, or a size of 0.
pub fn resize(x: impl Operand, size: [usize; 2], interpolation: Interpolation) -> Result<Tensor> {
    resized(&*x.tensor()?, size, interpolation, false)
}

/// [`resize`] where each pixel of a smaller image looks at all pixels that it covers (`antialias`).
///
/// # Errors
/// Those of [`resize`].
pub fn resize_antialiased(
    x: impl Operand,
    size: [usize; 2],
    interpolation: Interpolation,
) -> Result<Tensor> {
    resized(&*x.tensor()?, size, interpolation, true)
}

fn resized(
    x: &Tensor,
    size: [usize; 2],
    interpolation: Interpolation,
    antialias: bool,
) -> Result<Tensor> {
    let [batch, rows, columns, channels] = images(x, "resize")?;
    if size.contains(&0) || rows == 0 || columns == 0 {
        let wanted = format!("pixels in it, and in the new size {size:?}");
        return Err(Error::shape("resize", &[x.shape()], wanted));
    }
    if interpolation == Interpolation::Nearest {
        let mut x = x.clone();
        for (axis, new) in [(1, size[0]), (2, size[1])] {
            let old = x.shape()[axis];
            let nearest = |i: usize| ((i as f64 + 0.5) * old as f64 / new as f64) as i32;
            let places: Vec<i32> = (0..new).map(nearest).collect();
            x = take(&x, Tensor::new(&places, [new])?, axis as isize)?;
        }
        return Ok(x);
    }
    let x = floating(x)?;
    let along = |x: &Tensor, parts: usize, old: usize, new: usize, rest: usize| {
        let matrix = interpolation.matrix(old, new, antialias);
        let matrix = Tensor::from_f64(&matrix, Shape::from([new, old]), x.dtype())?;
        matmul(matrix, reshape_to(x, [parts, old, rest].into())?)
    };
    let y = along(&x, batch, rows, size[0], columns * channels)?;
    let y = along(&y, batch * size[0], columns, size[1], channels)?;
    reshape_to(&y, [batch, size[0], size[1], channels].into())
}
