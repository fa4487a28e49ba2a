//! Steps of optimizers.

/// Attributes of [`super::Op::Update`]: how a weight and what is kept of it change. Inputs are the weight, its gradient and
/// the state; results are all but the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// Gradient descent.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
    /// Nesterov's Adam.
    Nadam(Nadam),
    /// Adam by the largest gradients.
    Adamax(Adamax),
    /// The root of the mean of squares.
    Rmsprop(Rmsprop),
    /// The root of the sum of squares.
    Adagrad(Adagrad),
    /// The sign of the momentum.
    Lion(Lion),
}

/// `w -= learning_rate * g`; with `momentum`, state `v`: `v = momentum * v - learning_rate * g`, `w += v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much of the velocity stays.
    pub momentum: f64,
    /// Look ahead along the velocity: `w += momentum * v - learning_rate * g`.
    pub nesterov: bool,
}

/// State `m`, `v`, the averages of gradients and of their squares: `w -= alpha * m / (sqrt(v) + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate with both bias corrections in it: `lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
    pub alpha: f64,
    /// How much of the momentum stays.
    pub beta_1: f64,
    /// How much of the velocity stays.
    pub beta_2: f64,
    /// Added to the root of the velocity.
    pub epsilon: f64,
}

/// State as of [`Adam`]: `w -= learning_rate * (momentum * m + gradient * g) / (sqrt(v / correction) + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nadam {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much of the momentum stays.
    pub beta_1: f64,
    /// How much of the velocity stays.
    pub beta_2: f64,
    /// What the momentum is multiplied and divided by.
    pub momentum: [f64; 2],
    /// What the gradient is multiplied and divided by.
    pub gradient: [f64; 2],
    /// The bias correction of the velocity.
    pub correction: f64,
    /// Added to the root of the velocity.
    pub epsilon: f64,
}

/// State `m` as of [`Adam`], and `u = max(beta_2 * u, |g|)`: `w -= learning_rate * m / ((u + epsilon) * correction)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much of the momentum stays.
    pub beta_1: f64,
    /// How much of the norm stays.
    pub beta_2: f64,
    /// The bias correction of the momentum.
    pub correction: f64,
    /// Added to the norm.
    pub epsilon: f64,
}

/// State `v = rho * v + (1 - rho) * g^2`, and with `momentum` `m = momentum * m + s`, where `s = learning_rate * g / sqrt(v +
/// epsilon)`: `w -= m`, else `w -= s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rmsprop {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much of the mean of squares stays.
    pub rho: f64,
    /// How much of the momentum stays.
    pub momentum: f64,
    /// Added to the mean of squares.
    pub epsilon: f64,
}

/// State `a += g^2`: `w -= learning_rate * g / sqrt(a + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// The learning rate.
    pub learning_rate: f64,
    /// Added to the sum of squares.
    pub epsilon: f64,
}

/// State `m`: `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, then `m = beta_2 * m + (1 - beta_2) * g`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// The learning rate.
    pub learning_rate: f64,
    /// How much the momentum counts.
    pub beta_1: f64,
    /// How much of the momentum stays.
    pub beta_2: f64,
}

impl Update {
    /// How many tensors are kept of a weight.
    pub fn states(&self) -> usize {
        match self {
            Update::Sgd(s) => usize::from(s.momentum != 0.0),
            Update::Rmsprop(r) => 1 + usize::from(r.momentum > 0.0),
            Update::Adagrad(_) | Update::Lion(_) => 1,
            Update::Adam(_) | Update::Nadam(_) | Update::Adamax(_) => 2,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Update::Sgd(_) => "sgd",
            Update::Adam(_) => "adam",
            Update::Nadam(_) => "nadam",
            Update::Adamax(_) => "adamax",
            Update::Rmsprop(_) => "rmsprop",
            Update::Adagrad(_) => "adagrad",
            Update::Lion(_) => "lion",
        }
    }
}
