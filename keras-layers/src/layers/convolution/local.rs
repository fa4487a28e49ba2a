//! Convolution with other weights at each place, for the layers of Keras 2 that do it.

use keras_tensor::ops::{self, Operand};
use keras_tensor::{Error, Result, Shape, Tensor};

use super::window::Window;
use crate::{Dims, Weight};

/// The places of the window over an input of known sizes, and how the kernel of one of Keras's three implementations
/// holds the weights of each.
pub(super) struct Local {
    implementation: usize,
    channels_first: bool,
    /// Sizes of the input and of the output in space.
    sizes: Vec<usize>,
    places: Vec<usize>,
    channels: usize,
    filters: usize,
    /// For each place and each tap there, which element of the input it sees; none is beyond the border.
    seen: Vec<Option<usize>>,
}

impl Local {
    pub(super) fn new(
        window: &Window<'_>,
        filters: usize,
        implementation: usize,
        input: &Dims,
    ) -> Result<Self> {
        let channels = window.channels(input)?;
        if filters == 0 {
            return Err(Error::argument("filters", filters, "at least 1"));
        }
        if !(1..=3).contains(&implementation) {
            return Err(Error::argument(
                "implementation",
                implementation,
                "1, 2 or 3",
            ));
        }
        let same = match window.padding.to_lowercase().as_str() {
            "valid" => false,
            "same" if implementation != 1 => true,
            _ => {
                let got = format!("{:?}", window.padding);
                let wanted = "\"valid\", or with implementation 2 or 3 \"same\"";
                return Err(Error::argument("padding", got, wanted));
            }
        };
        let first = window.data_format.first_in_space()?;
        let (mut sizes, mut places, mut seen) = (Vec::new(), Vec::new(), vec![Some(0)]);
        let (mut all_places, mut all_taps) = (1, 1);
        for (axis, (&taps, &step)) in window.taps.iter().zip(window.strides).enumerate() {
            let size = input.axis((first + axis) as isize)?;
            if size == 0 || size < taps && !same {
                let wanted = format!("{taps} or more along axis {}", first + axis);
                return Err(Error::argument("input shape", input, wanted));
            }
            // Keras 2 pads by half a window here, not as its convolutions do.
            let (count, before) = if same {
                (size.div_ceil(step), taps / 2)
            } else {
                ((size - taps) / step + 1, 0)
            };
            let mut next = Vec::with_capacity(seen.len() * count * taps);
            for (place, outer) in seen
                .chunks_exact(all_taps)
                .flat_map(|o| (0..count).map(move |p| (p, o)))
            {
                for (outer, tap) in outer.iter().flat_map(|o| (0..taps).map(move |t| (o, t))) {
                    let at = (place * step + tap)
                        .checked_sub(before)
                        .filter(|&at| at < size);
                    next.push(outer.zip(at).map(|(outer, at)| outer * size + at));
                }
            }
            seen = next;
            (all_places, all_taps) = (all_places * count, all_taps * taps);
            sizes.push(size);
            places.push(count);
        }
        debug_assert_eq!(seen.len(), all_places * all_taps);
        Ok(Local {
            implementation,
            channels_first: window.data_format.is_channels_first()?,
            sizes,
            places,
            channels,
            filters,
            seen,
        })
    }

    /// How many places there are, elements of the input, and taps.
    fn counts(&self) -> [usize; 3] {
        let places: usize = self.places.iter().product();
        [
            places,
            self.sizes.iter().product(),
            self.seen.len() / places,
        ]
    }

    /// The shape of the kernel as Keras holds it.
    pub(super) fn kernel_shape(&self) -> Vec<usize> {
        let [places, _, taps] = self.counts();
        let (channels, filters) = ([self.channels], [self.filters]);
        match self.implementation {
            1 => vec![places, taps * self.channels, self.filters],
            2 if self.channels_first => {
                [&channels[..], &self.sizes, &filters, &self.places].concat()
            }
            2 => [&self.sizes[..], &channels, &self.places, &filters].concat(),
            _ => {
                let inside = self.seen.iter().flatten().count();
                vec![inside * self.channels * self.filters]
            }
        }
    }

    /// The shape of the bias.
    pub(super) fn bias_shape(&self) -> Vec<usize> {
        [&self.places[..], &[self.filters]].concat()
    }

    /// The bias as it is added to the output; with channels first, Keras takes its numbers in another order.
    pub(super) fn bias(&self, bias: &Weight) -> Result<Tensor> {
        if self.channels_first {
            let shape = [&[self.filters], &self.places[..]].concat();
            return ops::reshape_to(bias, shape.into_iter().collect());
        }
        Ok(bias.tensor()?.into_owned())
    }

    /// The output `[batch, ..places, filters]` for `x` `[batch, ..space, channels]`.
    pub(super) fn call(&self, x: &Tensor, kernel: &Weight) -> Result<Tensor> {
        let kernel = kernel.tensor()?;
        if kernel.shape()[..] != self.kernel_shape()[..] {
            let shapes = [&x.shape()[..], &kernel.shape()[..]];
            let wanted = "an input of the sizes in space for which the layer was built";
            return Err(Error::shape("a locally connected layer", &shapes, wanted));
        }
        let [places, elements, taps] = self.counts();
        let (batch, depth) = (x.shape()[0], taps * self.channels);
        let mut x = ops::reshape_to(x, [batch, elements, self.channels].into())?;
        if self.seen.contains(&None) {
            x = ops::pad(x, &[(0, 0), (0, 1), (0, 0)], 0.0)?;
        }
        let of_x = self.seen.iter().map(|seen| seen.unwrap_or(elements));
        let windows = take(x, of_x, 1, [batch, places, depth])?;
        let windows = ops::transpose(windows, Some(&[1, 0, 2]))?;
        let y = ops::matmul(windows, self.by_place(&kernel)?)?;
        let shape = [&[batch], &self.places[..], &[self.filters]].concat();
        let y = ops::transpose(y, Some(&[1, 0, 2]))?;
        ops::reshape_to(y, shape.into_iter().collect())
    }

    /// The kernel as `[places, taps * channels, filters]`. What stands there for taps beyond the border does not matter:
    /// they see zeros.
    fn by_place(&self, kernel: &Tensor) -> Result<Tensor> {
        let [places, elements, taps] = self.counts();
        let (channels, filters) = (self.channels, self.filters);
        let shape = [places, taps * channels, filters];
        match (self.implementation, self.channels_first) {
            (1, false) => Ok(kernel.clone()),
            (1, true) => {
                let parts = ops::reshape_to(kernel, [places, channels, taps, filters].into())?;
                ops::reshape_to(ops::transpose(parts, Some(&[0, 2, 1, 3]))?, shape.into())
            }
            (2, first) => {
                let (parts, order) = if first {
                    ([channels, elements, filters, places], [1, 3, 0, 2])
                } else {
                    ([elements, channels, places, filters], [0, 2, 1, 3])
                };
                let parts = ops::reshape_to(kernel, parts.into())?;
                let pairs = ops::transpose(parts, Some(&order))?;
                let pairs = ops::reshape_to(pairs, [elements * places, channels, filters].into())?;
                let of_pairs = self.seen.iter().enumerate();
                let of_pairs = of_pairs.map(|(i, seen)| seen.unwrap_or(0) * places + i / taps);
                take(pairs, of_pairs, 0, shape)
            }
            _ => take(kernel.clone(), self.order().into_iter(), 0, shape),
        }
    }

    /// Where the third implementation's kernel holds each weight of [`Local::by_place`].
    ///
    /// It is a list of those that see an element, ordered by the output's element and then by the input's.
    fn order(&self) -> Vec<usize> {
        let [places, _, taps] = self.counts();
        let (channels, filters) = (self.channels, self.filters);
        let inside = self.seen.iter().flatten().count();
        let mut order = Vec::with_capacity(places * taps * channels * filters);
        let mut before = 0;
        for seen in self.seen.chunks_exact(taps) {
            let here = seen.iter().flatten().count();
            let mut rank = 0;
            for tap in seen {
                for (channel, filter) in
                    (0..channels).flat_map(|c| (0..filters).map(move |f| (c, f)))
                {
                    order.push(match (tap, self.channels_first) {
                        (None, _) => 0,
                        (_, false) => {
                            (before * filters + filter * here + rank) * channels + channel
                        }
                        (_, true) => (filter * inside + before) * channels + channel * here + rank,
                    });
                }
                rank += usize::from(tap.is_some());
            }
            before += here;
        }
        order
    }
}

/// The rows of `x` along an axis at these numbers, in another shape.
fn take(
    x: Tensor,
    rows: impl Iterator<Item = usize>,
    axis: isize,
    shape: [usize; 3],
) -> Result<Tensor> {
    let rows: Vec<i64> = rows.map(|row| row as i64).collect();
    let rows = ops::constant(&rows, Shape::from([rows.len()]))?;
    ops::reshape_to(ops::take(x, rows, axis)?, shape.into())
}
