//! The floor: a training step of a classifier written by hand, without a framework.
//!
//! Dense layers with ReLU, a linear output, softmax cross-entropy from logits, Adam. Every buffer is made once. A kernel
//! is updated in blocks of rows that stay in the cache between gradient and update.

use gemm::Parallelism;
use rayon::prelude::*;

use crate::digits::{CLASSES, Digits, PIXELS, Random};
use crate::product::{Matrix, product, wide};

/// Widths of the MNIST network of the comparison, input first.
pub const SIZES: [usize; 6] = [PIXELS, 256, 128, 64, 32, CLASSES];
/// Samples of a step.
pub const BATCH: usize = 32;

/// Rows of a kernel whose gradient is made and used at once.
const BLOCK: usize = 98;
const RATE: f32 = 1e-3;
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-7;

/// Trained values, their gradient and the moments of Adam.
struct Trained {
    values: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Trained {
    fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Trained {
            values,
            gradient: zeros.clone(),
            mean: zeros.clone(),
            variance: zeros,
        }
    }
}

struct Layer {
    outputs: usize,
    /// `[inputs, outputs]`
    kernel: Trained,
    /// `[outputs]`
    bias: Trained,
    /// `[batch, outputs]`, after the activation.
    output: Vec<f32>,
    /// `[batch, outputs]`: the gradient of the loss by what goes into the activation.
    delta: Vec<f32>,
}

impl Layer {
    fn forward(&mut self, input: &[f32], batch: usize, last: bool, parallelism: Parallelism) {
        let (x, kernel) = (
            Matrix::new(input, input.len() / batch),
            Matrix::new(&self.kernel.values, self.outputs),
        );
        product(&mut self.output, x, kernel, parallelism);
        let (output, bias) = (&mut self.output, &self.bias.values);
        let floor = if last { f32::NEG_INFINITY } else { 0.0 };
        wide(
            #[inline(always)]
            || {
                for row in output.chunks_exact_mut(bias.len()) {
                    for (y, b) in row.iter_mut().zip(bias) {
                        *y = (*y + b).max(floor);
                    }
                }
            },
        );
    }

    /// Sends the delta of this layer back to `below`.
    fn backward(&self, below: &mut Layer, parallelism: Parallelism) {
        let delta = Matrix::new(&self.delta, self.outputs);
        let kernel = Matrix::new(&self.kernel.values, self.outputs);
        product(&mut below.delta, delta, kernel.transposed(), parallelism);
        let (delta, output) = (&mut below.delta, &below.output);
        wide(
            #[inline(always)]
            || {
                for (d, y) in delta.iter_mut().zip(output) {
                    *d = if *y > 0.0 { *d } else { 0.0 };
                }
            },
        );
    }

    /// Gradients and the step of Adam, whose bias corrections are in `rate`.
    fn update(&mut self, input: &[f32], batch: usize, rate: f32) {
        let inputs = Matrix::new(input, input.len() / batch).transposed();
        let delta = Matrix::new(&self.delta, self.outputs);
        let (columns, size) = (self.outputs, BLOCK * self.outputs);
        let Trained {
            values,
            gradient,
            mean,
            variance,
        } = &mut self.kernel;
        let blocks = values
            .par_chunks_mut(size)
            .zip(gradient.par_chunks_mut(size))
            .zip(mean.par_chunks_mut(size).zip(variance.par_chunks_mut(size)));
        blocks.enumerate().for_each(|(i, ((w, g), (m, v)))| {
            product(
                g,
                inputs.rows(i * BLOCK, g.len() / columns),
                delta,
                Parallelism::None,
            );
            adam(w, g, m, v, rate);
        });
        let Trained {
            values,
            gradient,
            mean,
            variance,
        } = &mut self.bias;
        gradient.fill(0.0);
        for row in self.delta.chunks_exact(columns) {
            gradient.iter_mut().zip(row).for_each(|(g, d)| *g += d);
        }
        adam(values, gradient, mean, variance, rate);
    }
}

/// One pass over the values of a variable.
fn adam(values: &mut [f32], gradient: &[f32], mean: &mut [f32], variance: &mut [f32], rate: f32) {
    wide(
        #[inline(always)]
        || {
            for (((w, g), m), v) in values.iter_mut().zip(gradient).zip(mean).zip(variance) {
                *m += (g - *m) * (1.0 - BETA_1);
                *v += (g * g - *v) * (1.0 - BETA_2);
                *w -= rate * *m / (v.sqrt() + EPSILON);
            }
        },
    );
}

/// A network and the state of its training.
pub struct Network {
    layers: Vec<Layer>,
    batch: usize,
    steps: i32,
    parallelism: Parallelism,
}

impl Network {
    /// A network of dense layers of `sizes`, input first, kernels Glorot uniform from `seed`, biases zero, that trains
    /// `batch` samples a step. With `threads` of more than one it shares its products; the updates are shared by the
    /// threads of the `rayon` pool in which [`Network::step`] is called.
    pub fn new(sizes: &[usize], batch: usize, threads: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut layer = |inputs: usize, outputs: usize| {
            let limit = (6.0 / (inputs + outputs) as f32).sqrt();
            let kernel = (0..inputs * outputs)
                .map(|_| (2.0 * random.unit() - 1.0) * limit)
                .collect();
            Layer {
                outputs,
                kernel: Trained::new(kernel),
                bias: Trained::new(vec![0.0; outputs]),
                output: vec![0.0; batch * outputs],
                delta: vec![0.0; batch * outputs],
            }
        };
        Network {
            layers: sizes
                .windows(2)
                .map(|pair| layer(pair[0], pair[1]))
                .collect(),
            batch,
            steps: 0,
            parallelism: if threads > 1 {
                Parallelism::Rayon(threads)
            } else {
                Parallelism::None
            },
        }
    }

    /// One step of training on `x` `[batch, inputs]` and labels `[batch, classes]` with a one at the class: the mean
    /// loss before the step and how many samples were classified correctly.
    ///
    /// # Panics
    /// If the slices do not have these sizes.
    pub fn step(&mut self, x: &[f32], labels_one_hot: &[f32]) -> (f32, usize) {
        let (batch, parallelism) = (self.batch, self.parallelism);
        let last = self.layers.len() - 1;
        for i in 0..=last {
            let (below, rest) = self.layers.split_at_mut(i);
            rest[0].forward(
                below.last().map_or(x, |l| &l.output),
                batch,
                i == last,
                parallelism,
            );
        }
        let result = self.loss(labels_one_hot);
        for i in (1..=last).rev() {
            let (below, rest) = self.layers.split_at_mut(i);
            rest[0].backward(&mut below[i - 1], parallelism);
        }
        self.steps += 1;
        let rate = RATE * (1.0 - BETA_2.powi(self.steps)).sqrt() / (1.0 - BETA_1.powi(self.steps));
        for i in 0..=last {
            let (below, rest) = self.layers.split_at_mut(i);
            rest[0].update(below.last().map_or(x, |l| &l.output), batch, rate);
        }
        result
    }

    /// Softmax cross-entropy of the last output, and its gradient into the delta of the last layer.
    fn loss(&mut self, labels: &[f32]) -> (f32, usize) {
        let (
            batch,
            Layer {
                outputs,
                output,
                delta,
                ..
            },
        ) = (self.batch, self.layers.last_mut().unwrap());
        assert_eq!(labels.len(), output.len());
        let (mut loss, mut correct) = (0.0, 0);
        let rows = output
            .chunks_exact(*outputs)
            .zip(labels.chunks_exact(*outputs));
        for ((z, y), d) in rows.zip(delta.chunks_exact_mut(*outputs)) {
            let highest = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for (d, z) in d.iter_mut().zip(z) {
                *d = (z - highest).exp();
                sum += *d;
            }
            let log = sum.ln() + highest;
            for ((d, z), y) in d.iter_mut().zip(z).zip(y) {
                loss += y * (log - z);
                *d = (*d / sum - y) / batch as f32;
            }
            let best =
                |row: &[f32]| (1..row.len()).fold(0, |b, i| if row[i] > row[b] { i } else { b });
            correct += usize::from(best(z) == best(y));
        }
        (loss / batch as f32, correct)
    }
}

/// What passes over the data in random order: batches are gathered into buffers of its own.
pub struct Epochs {
    images: Vec<f32>,
    labels: Vec<f32>,
    order: Vec<u32>,
    random: Random,
    next: usize,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Epochs {
    /// Passes over `digits`, in orders that `seed` decides.
    pub fn new(digits: &Digits, seed: u64) -> Self {
        let (images, labels) = digits.floats(digits.labels.len());
        Epochs {
            images,
            labels,
            order: (0..digits.labels.len() as u32).collect(),
            random: Random(seed),
            next: usize::MAX,
            x: vec![0.0; BATCH * PIXELS],
            y: vec![0.0; BATCH * CLASSES],
        }
    }

    /// The next batch: images `[32, 784]` and labels `[32, 10]`. Samples that do not fill one at the end are left out.
    pub fn batch(&mut self) -> (&[f32], &[f32]) {
        if self.next.saturating_add(BATCH) > self.order.len() {
            self.random.shuffle(&mut self.order);
            self.next = 0;
        }
        for (i, &sample) in self.order[self.next..][..BATCH].iter().enumerate() {
            let sample = sample as usize;
            self.x[i * PIXELS..][..PIXELS]
                .copy_from_slice(&self.images[sample * PIXELS..][..PIXELS]);
            self.y[i * CLASSES..][..CLASSES]
                .copy_from_slice(&self.labels[sample * CLASSES..][..CLASSES]);
        }
        self.next += BATCH;
        (&self.x, &self.y)
    }
}

/// Trains `network` for `steps` steps on `epochs`: the loss of each step, and the share of samples classified correctly.
pub fn train(network: &mut Network, epochs: &mut Epochs, steps: usize) -> (Vec<f32>, f32) {
    let mut right = 0;
    let losses = (0..steps)
        .map(|_| {
            let (x, y) = epochs.batch();
            let (loss, correct) = network.step(x, y);
            right += correct;
            loss
        })
        .collect();
    (losses, right as f32 / (steps * BATCH) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: [usize; 4] = [7, 6, 5, 3];

    /// The loss of a network in double precision, written without the code above.
    fn reference(network: &Network, x: &[f32], y: &[f32], moved: (usize, usize, f64)) -> f64 {
        let (batch, mut total) = (network.batch, 0.0);
        for b in 0..batch {
            let mut h: Vec<f64> = x[b * TINY[0]..][..TINY[0]]
                .iter()
                .map(|&v| v as f64)
                .collect();
            for (l, layer) in network.layers.iter().enumerate() {
                let kernel = |i: usize, j: usize| {
                    let at = i * layer.outputs + j;
                    layer.kernel.values[at] as f64
                        + if (l, at) == (moved.0, moved.1) {
                            moved.2
                        } else {
                            0.0
                        }
                };
                let z = |j: usize| {
                    (0..h.len()).map(|i| h[i] * kernel(i, j)).sum::<f64>()
                        + layer.bias.values[j] as f64
                };
                let z: Vec<f64> = (0..layer.outputs).map(z).collect();
                h = if l + 1 < network.layers.len() {
                    z.iter().map(|v| v.max(0.0)).collect()
                } else {
                    z
                };
            }
            let log = h.iter().map(|v| v.exp()).sum::<f64>().ln();
            total += (0..h.len())
                .map(|j| y[b * h.len() + j] as f64 * (log - h[j]))
                .sum::<f64>();
        }
        total / batch as f64
    }

    fn tiny_batch() -> (Vec<f32>, Vec<f32>) {
        let mut random = Random(5);
        let x = (0..4 * TINY[0]).map(|_| random.unit() - 0.5).collect();
        let y = (0..4)
            .flat_map(|i| (0..3).map(move |c| f32::from(c == i % 3)))
            .collect();
        (x, y)
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (x, y) = tiny_batch();
        for threads in [1, 2] {
            let start = Network::new(&TINY, 4, threads, 1);
            let mut network = Network::new(&TINY, 4, threads, 1);
            let (loss, _) = network.step(&x, &y);
            assert!((loss as f64 - reference(&start, &x, &y, (9, 0, 0.0))).abs() < 1e-6);
            let mut largest = 0.0f64;
            for (l, layer) in network.layers.iter().enumerate() {
                for (at, &found) in layer.kernel.gradient.iter().enumerate() {
                    let up = reference(&start, &x, &y, (l, at, 1e-5));
                    let down = reference(&start, &x, &y, (l, at, -1e-5));
                    let wanted = (up - down) / 2e-5;
                    largest = largest.max(wanted.abs());
                    assert!(
                        (found as f64 - wanted).abs() < 1e-6,
                        "layer {l}, {at}: {found}, not {wanted}"
                    );
                }
            }
            assert!(largest > 0.05);
        }
    }

    #[test]
    fn the_first_step_moves_every_value_by_the_rate() {
        let (x, y) = tiny_batch();
        let start = Network::new(&TINY, 4, 1, 1);
        let mut network = Network::new(&TINY, 4, 1, 1);
        network.step(&x, &y);
        for (old, new) in start.layers.iter().zip(&network.layers) {
            for (old, new) in [(&old.kernel, &new.kernel), (&old.bias, &new.bias)] {
                for ((w, to), g) in old.values.iter().zip(&new.values).zip(&new.gradient) {
                    let wanted = w - RATE * g / (g.abs() + EPSILON / (1.0 - BETA_2).sqrt());
                    assert!((to - wanted).abs() < 1e-6, "{to}, not {wanted}");
                }
            }
        }
    }

    #[test]
    fn the_loss_falls() {
        let (x, y) = tiny_batch();
        let mut network = Network::new(&TINY, 4, 1, 1);
        let first = network.step(&x, &y).0;
        let last = (0..1500).map(|_| network.step(&x, &y)).last().unwrap();
        assert!(last.0 < 0.05 * first, "{first} to {last:?}");
        assert_eq!(last.1, 4);
    }
}
