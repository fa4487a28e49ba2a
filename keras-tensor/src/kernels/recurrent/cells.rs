//! One step of each cell for one row of a batch, forwards and backwards.

use num_traits::Float;

use crate::kernels::elementary::Elementary;
use crate::kernels::elementwise::{Number, activate};
use crate::kernels::simd::{Loop, vectorized};
use crate::op::{Fused, Recurrent, RecurrentCell};

/// A row before a step, and where its results go.
pub(super) struct Forward<'a, T> {
    pub(super) sums: &'a [T],
    /// The state times the recurrent kernel, with the sums or the state's own bias added.
    pub(super) products: &'a [T],
    pub(super) h_before: &'a [T],
    pub(super) c_before: &'a [T],
    pub(super) kept: &'a mut [T],
    pub(super) h: &'a mut [T],
}

/// A row after a step, and the gradients with regard to it.
pub(super) struct Backward<'a, T> {
    pub(super) h: &'a [T],
    pub(super) kept: &'a [T],
    pub(super) kept_gradient: Option<&'a [T]>,
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
        row.h.copy_from_slice(row.products);
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
        gates.copy_from_slice(row.products);
        let (input_forget, new_output) = gates.split_at_mut(2 * units);
        let (new, output) = new_output.split_at_mut(units);
        activate(self.gate, input_forget);
        activate(self.new, new);
        activate(self.gate, output);
        let (input, forget) = input_forget.split_at(units);
        vectorized(Each(c.len(), |j| {
            c[j] = forget[j] * row.c_before[j] + input[j] * new[j]
        }));
        row.h.copy_from_slice(c);
        activate(self.new, row.h);
        vectorized(Each(units, |j| row.h[j] = output[j] * row.h[j]));
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
        vectorized(Each(units, |j| {
            last[j] = row.dh[j] * activated[j];
            third[j] = row.dh[j] * output[j];
        }));
        through(self.new, activated, None, third);
        vectorized(Each(units, |j| {
            let dc = row.dc[j] + third[j];
            first[j] = dc * new[j];
            second[j] = dc * row.c_before[j];
            third[j] = dc * input[j];
            row.dc[j] = dc * forget[j];
        }));
        let gates = [
            (self.gate, input),
            (self.gate, forget),
            (self.new, new),
            (self.gate, output),
        ];
        for (i, (function, gate)) in gates.into_iter().enumerate() {
            let outer = row.kept_gradient.map(|g| &g[(i + 1) * units..][..units]);
            through(function, gate, outer, &mut row.sums[i * units..][..units]);
        }
        row.dh.fill(T::ZERO);
    }
}

impl<T: Number + Float + Elementary> Cell<T> for Gru {
    fn forward(&self, row: Forward<T>) {
        let units = row.h.len();
        let (gates, rest) = row.kept.split_at_mut(2 * units);
        let (new, of_state) = rest.split_at_mut(units);
        let (sums, products) = (row.sums, row.products);
        vectorized(Each(2 * units, |j| gates[j] = sums[j] + products[j]));
        activate(self.gate, gates);
        let (update, reset) = gates.split_at(units);
        of_state.copy_from_slice(&products[2 * units..]);
        vectorized(Each(units, |j| {
            new[j] = sums[2 * units + j] + reset[j] * of_state[j]
        }));
        activate(self.new, new);
        vectorized(Each(units, |j| {
            row.h[j] = new[j] + update[j] * (row.h_before[j] - new[j])
        }));
    }

    fn backward(&self, row: Backward<T>) {
        let units = row.h.len();
        let part = |number: usize| &row.kept[number * units..][..units];
        let outer = |number: usize| row.kept_gradient.map(|g| &g[number * units..][..units]);
        let [update, reset, new, of_state] = [0, 1, 2, 3].map(part);
        let (d_update, others) = row.sums.split_at_mut(units);
        let (d_reset, others) = others.split_at_mut(units);
        let (d_of_state, d_new) = others.split_at_mut(units);
        vectorized(Each(units, |j| {
            let dh = row.dh[j];
            d_update[j] = dh * (row.h_before[j] - new[j]);
            d_new[j] = dh - dh * update[j];
            row.dh[j] = dh * update[j];
        }));
        through(self.gate, update, outer(0), d_update);
        through(self.new, new, outer(2), d_new);
        vectorized(Each(units, |j| {
            d_reset[j] = d_new[j] * of_state[j];
            d_of_state[j] = d_new[j] * reset[j];
        }));
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
    let one = T::one();
    let count = gradient.len();
    match function {
        Fused::Linear => {}
        Fused::Relu => vectorized(Each(count, |j| {
            if y[j] <= T::ZERO {
                gradient[j] = T::ZERO;
            }
        })),
        Fused::Relu6 => vectorized(Each(count, |j| {
            if y[j] <= T::ZERO || y[j] >= T::from_f64(6.0) {
                gradient[j] = T::ZERO;
            }
        })),
        Fused::Sigmoid => vectorized(Each(count, |j| {
            gradient[j] = gradient[j] * (y[j] * (one - y[j]))
        })),
        Fused::Tanh => vectorized(Each(count, |j| {
            gradient[j] = gradient[j] * (one - y[j] * y[j])
        })),
    }
}

/// `to += from`.
pub(super) fn add<T: Number + Float>(to: &mut [T], from: &[T]) {
    vectorized(Each(to.len(), |j| to[j] = to[j] + from[j]));
}

/// A function of each of so many places.
struct Each<F>(usize, F);

impl<F: FnMut(usize)> Loop for Each<F> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        for j in 0..self.0 {
            (self.1)(j);
        }
    }
}
