//! Images that are turned, moved, stretched.

use super::super::{Operand, add, multiply, reshape_to, take};
use super::{Interpolation, images};
use crate::{Error, Result, Shape, Tensor};

/// What lies beyond the edge of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillMode {
    /// One value: `k k k | a b c | k k k`.
    Constant,
    /// The pixel at the edge: `a a a | a b c | c c c`.
    Nearest,
    /// The image in a mirror: `c b a | a b c | c b a`.
    Reflect,
    /// The image again: `a b c | a b c | a b c`.
    Wrap,
}

impl std::str::FromStr for FillMode {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "constant" => Ok(FillMode::Constant),
            "nearest" => Ok(FillMode::Nearest),
            "reflect" => Ok(FillMode::Reflect),
            "wrap" => Ok(FillMode::Wrap),
            _ => Err(Error::argument(
                "fill_mode",
                format!("{name:?}"),
                "constant, nearest, reflect or wrap",
            )),
        }
    }
}

impl FillMode {
    /// Where along an axis of `size` pixels a place beyond the edge is looked up.
    fn place(self, at: f32, size: usize) -> f32 {
        let last = (size - 1) as f32;
        let inside = (0.0..=last).contains(&at);
        let at = match self {
            FillMode::Constant => return at,
            FillMode::Nearest => at,
            _ if inside => at,
            _ if size == 1 => 0.0,
            FillMode::Reflect => {
                let (size, period) = (size as f32, 2.0 * size as f32);
                if at < 0.0 {
                    let at = period * (-at / period).trunc() + at;
                    if at < -size { at + period } else { -at - 1.0 }
                } else {
                    let at = at - period * (at / period).trunc();
                    if at >= size { period - at - 1.0 } else { at }
                }
            }
            FillMode::Wrap => {
                let size = size as f32;
                if at < 0.0 {
                    at + size * ((-at / last).trunc() + 1.0)
                } else {
                    at - size * (at / last).trunc()
                }
            }
        };
        at.clamp(0.0, last)
    }
}

/// For each place of the new images: a pixel of the old ones, and what share it has. A share of what lies beyond the edge
/// is the last one's, and belongs to no pixel.
struct Shares {
    pixels: Vec<Vec<i32>>,
    shares: Vec<Vec<f32>>,
    beyond: Vec<f32>,
}

/// Images `[batch, rows, columns, channels]` moved by a transform each (`keras.ops.image.affine_transform`): the pixel at
/// `(x, y)` is looked up at `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)` with `k = c0 x + c1 y + 1`.
///
/// - `transforms`: `[a0, a1, a2, b0, b1, b2, c0, c1]` for each image.
/// - `interpolation`: nearest or bilinear.
/// - `fill_value`: what lies beyond the edge with [`FillMode::Constant`].
///
/// ```
/// use keras_tensor::Tensor;
/// use keras_tensor::ops::{FillMode, Interpolation, affine_transform};
/// let x = Tensor::new(&[1.0f32, 2.0, 3.0], [1, 1, 3, 1])?;
/// let moved = [[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]];
/// let y = affine_transform(&x, &moved, Interpolation::Nearest, FillMode::Constant, 9.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0, 3.0, 9.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// No images, images without pixels, another number of transforms than images, another interpolation.
pub fn affine_transform(
    x: impl Operand,
    transforms: &[[f32; 8]],
    interpolation: Interpolation,
    fill_mode: FillMode,
    fill_value: f64,
) -> Result<Tensor> {
    let x = x.tensor()?;
    let [batch, rows, columns, channels] = images(&x, "affine_transform")?;
    if rows == 0 || columns == 0 || transforms.len() != batch {
        let wanted = format!(
            "images with pixels, one for each of {} transforms",
            transforms.len()
        );
        return Err(Error::shape("affine_transform", &[x.shape()], wanted));
    }
    let corners = match interpolation {
        Interpolation::Nearest => 1,
        Interpolation::Bilinear => 4,
        other => {
            let wanted = "nearest or bilinear";
            return Err(Error::argument(
                "interpolation",
                format!("{other:?}"),
                wanted,
            ));
        }
    };
    let count = batch * rows * columns;
    if i32::try_from(count).is_err() {
        let wanted = "at most 2147483647 pixels at once";
        return Err(Error::shape("affine_transform", &[x.shape()], wanted));
    }
    let mut found = Shares {
        pixels: vec![Vec::with_capacity(count); corners],
        shares: vec![Vec::with_capacity(count); corners],
        beyond: Vec::with_capacity(count),
    };
    for (image, transform) in transforms.iter().enumerate() {
        let first = image * rows * columns;
        for y in 0..rows {
            for x in 0..columns {
                let [x, y] = looked_up(transform, x as f32, y as f32);
                let at = [fill_mode.place(x, columns), fill_mode.place(y, rows)];
                found.look(first, at, [columns, rows]);
            }
        }
    }
    let flat = reshape_to(&*x, [count, channels].into())?;
    let each = |numbers: &[f32]| {
        let numbers: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
        Tensor::from_f64(&numbers, Shape::from([count, 1]), x.dtype())
    };
    let beyond: Vec<f32> = found.beyond.iter().map(|b| b * fill_value as f32).collect();
    let mut y = each(&beyond)?;
    for (pixels, shares) in found.pixels.iter().zip(&found.shares) {
        let pixels = take(&flat, Tensor::new(pixels, [count])?, 0)?;
        y = add(y, multiply(pixels, each(shares)?)?)?;
    }
    reshape_to(&y, x.shape().clone())
}

/// Where a transform looks a pixel up.
fn looked_up(&[a0, a1, a2, b0, b1, b2, c0, c1]: &[f32; 8], x: f32, y: f32) -> [f32; 2] {
    let k = c0 * x + c1 * y + 1.0;
    [(a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k]
}

impl Shares {
    /// Notes what is seen at a place of the image that begins with the pixel `first`.
    fn look(&mut self, first: usize, [x, y]: [f32; 2], size: [usize; 2]) {
        let mut beyond = 0.0;
        let corners = match self.pixels.len() {
            1 => [(x.round(), y.round(), 1.0); 4],
            _ => {
                let (left, top) = (x.floor(), y.floor());
                let (right, bottom) = (left + 1.0, top + 1.0);
                [
                    (left, top, (right - x) * (bottom - y)),
                    (right, top, (x - left) * (bottom - y)),
                    (left, bottom, (right - x) * (y - top)),
                    (right, bottom, (x - left) * (y - top)),
                ]
            }
        };
        let numbers = self.pixels.iter_mut().zip(&mut self.shares);
        for ((x, y, share), (pixels, shares)) in corners.into_iter().zip(numbers) {
            let inside = |at: f32, size: usize| at >= 0.0 && at < size as f32;
            if inside(x, size[0]) && inside(y, size[1]) {
                pixels.push((first + y as usize * size[0] + x as usize) as i32);
                shares.push(share);
            } else {
                pixels.push(first as i32);
                shares.push(0.0);
                beyond += share;
            }
        }
        self.beyond.push(beyond);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(mode: FillMode) -> Vec<f32> {
        let x = Tensor::new(&[1.0f32, 2.0, 3.0], [1, 1, 3, 1]).unwrap();
        let wide = [[3.0, 0.0, -4.0, 0.0, 1.0, 0.0, 0.0, 0.0]];
        let y = affine_transform(&x, &wide, Interpolation::Nearest, mode, 9.0).unwrap();
        y.to_vec().unwrap()
    }

    // Places -4, -1 and 2.
    #[test]
    fn what_lies_beyond_the_edge() {
        assert_eq!(row(FillMode::Constant), [9.0, 9.0, 3.0]);
        assert_eq!(row(FillMode::Nearest), [1.0, 1.0, 3.0]);
        assert_eq!(row(FillMode::Reflect), [3.0, 1.0, 3.0]);
        // TensorFlow's wrapping has a period that is one shorter.
        assert_eq!(row(FillMode::Wrap), [3.0, 3.0, 3.0]);
    }

    #[test]
    fn wrong_arguments_are_told() {
        let x = Tensor::new(&[0.0f32; 4], [1, 2, 2, 1]).unwrap();
        let with = |transforms: &[[f32; 8]], how| {
            affine_transform(&x, transforms, how, FillMode::Constant, 0.0).is_err()
        };
        assert!(with(&[], Interpolation::Nearest));
        assert!(with(&[[0.0; 8]], Interpolation::Bicubic));
        assert!("mirror".parse::<FillMode>().is_err());
    }
}
