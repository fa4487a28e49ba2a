//! One step of each cell for one row of a batch, forwards and backwards.

use num_traits::Float;

use crate::kernels::arrays::{copies, of_each};
use crate::kernels::elementary::Elementary;
use crate::kernels::elementwise::{Number, activate};
use crate::kernels::simd::{Loop, widest};
use crate::op::{Fused, Recurrent, RecurrentCell};

/// Places that are computed together.
const LANES: usize = 16;

/// A row before a step, and where its results go.
pub(super) struct Forward<'a, T> {
    /// Of a GRU, the state times the recurrent kernel, with its bias.
    pub(super) products: &'a [T],
    pub(super) h_before: &'a [T],
    pub(super) c_before: &'a [T],
    /// Of an LSTM, the gates hold sums before; of a GRU, `z, r, n` hold the input's part of them.
    pub(super) kept: &'a mut [T],
    /// Of a simple cell, it holds sums before.
    pub(super) h: &'a mut [T],
}

/// A row after a step, and the gradients with regard to it.
pub(super) struct Backward<'a, T> {
    pub(super) h: &'a [T],
    pub(super) kept: &'a [T],
    pub(super) of_kept: Option<&'a [T]>,
    pub(super) h_before: &'a [T],
    pub(super) c_before: &'a [T],
    /// With regard to `h`; becomes what flows past the product, to `h_before`.
    pub(super) dh: &'a mut [T],
    /// With regard to `c`; becomes that with regard to `c_before`.
    pub(super) dc: &'a mut [T],
    /// Where the gradient with regard to the sums goes.
    pub(super) sums: &'a mut [T],
    /// As many elements as there are units, to write over.
    pub(super) space: &'a mut [T],
}

/// What a step computes.
pub(super) trait Cell<T>: Sync {
    fn forward(&self, row: Forward<T>);
    fn backward(&self, row: Backward<T>);
}

/// The cell of an op.
pub(super) fn of<T: Number + Float + Elementary>(op: &Recurrent) -> Box<dyn Cell<T>> {
    let (new, gate) = (op.activation, op.recurrent_activation);
    match op.cell {
        RecurrentCell::Simple => Box::new(Simple { new }),
        RecurrentCell::Lstm => Box::new(Lstm { new, gate }),
        RecurrentCell::Gru => Box::new(Gru { new, gate }),
    }
}

struct Simple {
    new: Fused,
}

struct Lstm {
    new: Fused,
    gate: Fused,
}

struct Gru {
    new: Fused,
    gate: Fused,
}

impl<T: Number + Float + Elementary> Cell<T> for Simple {
    fn forward(&self, row: Forward<T>) {
        activate(self.new, row.h);
    }

    fn backward(&self, row: Backward<T>) {
        row.sums.copy_from_slice(row.dh);
        through(self.new, row.h, None, row.sums);
        row.dh.fill(T::ZERO);
    }
}

impl<T: Number + Float + Elementary> Cell<T> for Lstm {
    fn forward(&self, row: Forward<T>) {
        let units = row.h.len();
        let (c, gates) = row.kept.split_at_mut(units);
        let (input_forget, new_output) = gates.split_at_mut(2 * units);
        let (new, output) = new_output.split_at_mut(units);
        activate(self.gate, input_forget);
        activate(self.new, new);
        activate(self.gate, output);
        let (input, forget) = input_forget.split_at(units);
        each(
            [&mut *c, &mut *row.h],
            [forget, row.c_before, input, new],
            |_, [f, before, i, new]| {
                let c = f * before + i * new;
                [c, c]
            },
        );
        activate(self.new, row.h);
        each([row.h], [output], |[h], [o]| [o * h]);
    }

    fn backward(&self, row: Backward<T>) {
        let units = row.h.len();
        let part = |number: usize| &row.kept[number * units..][..units];
        let [c, input, forget, new, output] = [0, 1, 2, 3, 4].map(part);
        // The activated `c`, and then the gradient with regard to it.
        let activated = row.space;
        activated.copy_from_slice(c);
        activate(self.new, activated);
        let (first, others) = row.sums.split_at_mut(units);
        let (second, others) = others.split_at_mut(units);
        let (third, last) = others.split_at_mut(units);
        each(
            [&mut *last, &mut *third],
            [row.dh, activated, output],
            |_, [dh, activated, o]| [dh * activated, dh * o],
        );
        through(self.new, activated, None, third);
        each(
            [first, second, third, row.dc],
            [new, row.c_before, input, forget],
            |[_, _, third, dc], [new, before, i, f]| {
                let dc = dc + third;
                [dc * new, dc * before, dc * i, dc * f]
            },
        );
        // The first two gates lie side by side.
        for (function, first, count) in [(self.gate, 0, 2), (self.new, 2, 1), (self.gate, 3, 1)] {
            let outer = row
                .of_kept
                .map(|g| &g[(first + 1) * units..][..count * units]);
            let gates = &row.kept[(first + 1) * units..][..count * units];
            through(
                function,
                gates,
                outer,
                &mut row.sums[first * units..][..count * units],
            );
        }
        row.dh.fill(T::ZERO);
    }
}

impl<T: Number + Float + Elementary> Cell<T> for Gru {
    fn forward(&self, row: Forward<T>) {
        let units = row.h.len();
        let (gates, rest) = row.kept.split_at_mut(2 * units);
        let (new, of_state) = rest.split_at_mut(units);
        let (first, last) = row.products.split_at(2 * units);
        add(gates, first);
        activate(self.gate, gates);
        let (update, reset) = gates.split_at(units);
        of_state.copy_from_slice(last);
        each([&mut *new], [reset, last], |[x], [r, h]| [x + r * h]);
        activate(self.new, new);
        each(
            [row.h],
            [new, update, row.h_before],
            |_, [new, z, before]| [new + z * (before - new)],
        );
    }

    fn backward(&self, row: Backward<T>) {
        let units = row.h.len();
        let part = |number: usize| &row.kept[number * units..][..units];
        let outer = |number: usize| row.of_kept.map(|g| &g[number * units..][..units]);
        let [update, reset, new, of_state] = [0, 1, 2, 3].map(part);
        let (d_update, others) = row.sums.split_at_mut(units);
        let (d_reset, others) = others.split_at_mut(units);
        let (d_of_state, d_new) = others.split_at_mut(units);
        each(
            [&mut *d_update, &mut *d_new, row.dh],
            [row.h_before, new, update],
            |[_, _, dh], [before, new, z]| [dh * (before - new), dh - dh * z, dh * z],
        );
        through(self.gate, update, outer(0), d_update);
        through(self.new, new, outer(2), d_new);
        each(
            [&mut *d_reset, &mut *d_of_state],
            [d_new, of_state, reset],
            |_, [d_new, of_state, r]| [d_new * of_state, d_new * r],
        );
        through(self.gate, reset, outer(1), d_reset);
        if let Some(outer) = outer(3) {
            add(d_of_state, outer);
        }
    }
}

/// Adds the outer gradient of an activated value `y`, and turns the sum into the gradient before the activation.
fn through<T: Number + Float>(function: Fused, y: &[T], outer: Option<&[T]>, gradient: &mut [T]) {
    if let Some(outer) = outer {
        add(gradient, outer);
    }
    let (zero, one, six) = (T::ZERO, T::one(), T::from_f64(6.0));
    match function {
        Fused::Linear => {}
        Fused::Relu => each([gradient], [y], |[g], [y]| {
            [if y <= zero { zero } else { g }]
        }),
        Fused::Relu6 => each([gradient], [y], |[g], [y]| {
            [if y <= zero || y >= six { zero } else { g }]
        }),
        Fused::Sigmoid => each([gradient], [y], |[g], [y]| [g * (y * (one - y))]),
        Fused::Tanh => each([gradient], [y], |[g], [y]| [g * (one - y * y)]),
    }
}

/// `to += from`.
pub(super) fn add<T: Number + Float>(to: &mut [T], from: &[T]) {
    each([to], [from], |[to], [from]| [to + from]);
}

/// Writes over slices of one length what a function makes of each place of them and of others.
fn each<T: Number, const N: usize, const M: usize>(
    outs: [&mut [T]; N],
    ins: [&[T]; M],
    f: impl Fn([T; N], [T; M]) -> [T; N],
) {
    widest(Each { outs, ins, f });
}

struct Each<'a, T, F, const N: usize, const M: usize> {
    outs: [&'a mut [T]; N],
    ins: [&'a [T]; M],
    f: F,
}

impl<T, F, const N: usize, const M: usize> Loop for Each<'_, T, F, N, M>
where
    T: Number,
    F: Fn([T; N], [T; M]) -> [T; N],
{
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Each { mut outs, ins, f } = self;
        let count = outs[0].len();
        let whole = count - count % LANES;
        // Copies of a few elements: no slice can be suspected of being another one.
        for start in (0..whole).step_by(LANES) {
            let before: [[T; LANES]; N] = copies(&outs, start);
            let given: [[T; LANES]; M] = copies(&ins, start);
            let mut after = before;
            for lane in 0..LANES {
                let result = f(of_each(&before, lane), of_each(&given, lane));
                for (lanes, v) in after.iter_mut().zip(result) {
                    lanes[lane] = v;
                }
            }
            for (out, lanes) in outs.iter_mut().zip(&after) {
                out[start..start + LANES].copy_from_slice(lanes);
            }
        }
        for j in whole..count {
            let result = f(of_each(&outs, j), of_each(&ins, j));
            for (out, v) in outs.iter_mut().zip(result) {
                out[j] = v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_computed_from_its_own() {
        for count in [0, 1, LANES - 1, LANES, 2 * LANES, 3 * LANES + 5] {
            let at = |scale: f64| -> Vec<f64> { (0..count).map(|i| scale * i as f64).collect() };
            let (mut sum, mut product) = (at(1.0), at(10.0));
            let (a, b) = (at(2.0), at(3.0));
            each([&mut sum, &mut product], [&a, &b], |[s, p], [a, b]| {
                [s + a + b, p + a * b]
            });
            for i in 0..count {
                let x = i as f64;
                assert_eq!((sum[i], product[i]), (6.0 * x, 10.0 * x + 6.0 * x * x));
            }
        }
    }
}
