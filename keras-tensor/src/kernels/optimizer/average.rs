//! Averages of gradients and of their squares.

use num_traits::Float;

use super::super::Real;

/// An average that each step moves toward a new value. What is so small that products with it would be subnormal counts as
/// zero.
///
/// Processors take a hundred times as long for subnormal numbers, and averages of gradients that have become zero pass by them
/// for hundreds of steps. TensorFlow has the processor take such products for zero, so that weights are the same here.
#[derive(Clone, Copy)]
pub(super) struct Average<T> {
    /// The part of a new value that is taken.
    new: T,
    /// The least size that is not zero.
    least: T,
}

/// No factor makes more numbers zero than this one does: rates can be zero, too.
const LEAST_FACTOR: f64 = 1e-6;

impl<T: Real> Average<T> {
    /// One that keeps `kept` of itself each step, and is multiplied with `factor` after it.
    pub(super) fn new(kept: f64, factor: f64) -> Self {
        // Subtracted in f64, as Keras does: in f32, 1 - 0.999 is off by 1e-5 of itself.
        let new = 1.0 - kept;
        let smallest_factor = T::from_f64(factor.abs().min(new).clamp(LEAST_FACTOR, 1.0));
        Average {
            new: T::from_f64(new),
            least: T::min_positive_value() / smallest_factor,
        }
    }

    /// One of squares, to the root of which `epsilon` is added. It becomes zero early only where none of that root is left
    /// in the sum.
    pub(super) fn of_squares(kept: f64, epsilon: f64) -> Self {
        let average = Self::new(kept, 1.0);
        // Some optimizers divide an average by the small part of it that is there after the first steps.
        let seen_beside_epsilon = T::from_f64(epsilon) * T::epsilon() / T::from_f64(256.0);
        match average.least.sqrt() < seen_beside_epsilon {
            true => average,
            false => Average {
                least: T::min_positive_value(),
                ..average
            },
        }
    }

    /// The average after a new value.
    #[inline(always)]
    pub(super) fn toward(self, average: T, value: T) -> T {
        zero_below(self.least, average + (value - average) * self.new)
    }
}

/// A number, or zero in place of one whose size is below the least.
#[inline(always)]
pub(super) fn zero_below<T: Real>(least: T, value: T) -> T {
    match Float::abs(value) < least {
        true => T::zero(),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::Average;

    /// What an average becomes after steps without a gradient, up to the first zero.
    fn decay(average: Average<f32>, from: f32) -> Vec<f32> {
        let next = |&value: &f32| (value != 0.0).then(|| average.toward(value, 0.0));
        std::iter::successors(Some(from), next).collect()
    }

    #[test]
    fn no_product_is_subnormal_on_the_way_to_zero() {
        let (rate, kept) = (1e-3, 0.9);
        let values = decay(Average::new(kept, rate), 1e-5);
        assert_eq!(values.last(), Some(&0.0));
        assert!(values.len() > 600, "{}", values.len());
        for value in values {
            for product in [value * rate as f32, value * (1.0 - kept) as f32] {
                assert!(!product.is_subnormal(), "{value:e}");
            }
        }
    }

    #[test]
    fn squares_become_zero_early_only_beside_an_epsilon_that_hides_them() {
        let smallest = |epsilon| {
            let values = decay(Average::of_squares(0.999, epsilon), 1e-30);
            values[values.len() - 2]
        };
        let hidden = smallest(1e-7);
        assert!(hidden > 1e-35);
        assert_eq!(hidden.sqrt() + 1e-7, 1e-7);
        assert!(smallest(1e-20) < 2e-38);
    }

    #[test]
    fn a_rate_of_zero_keeps_the_average() {
        let average = Average::<f32>::new(0.9, 0.0);
        assert_eq!(average.toward(1.0, 0.0), 0.9);
        assert_eq!(average.toward(1e-30, 1e-30), 1e-30);
    }
}
