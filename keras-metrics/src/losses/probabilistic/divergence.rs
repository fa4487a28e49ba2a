//! How far distributions and counts are apart.

use keras_tensor::ops;

use crate::losses::regression::EPSILON;
use crate::shapes::prepared;

loss! {
    /// The Kullback-Leibler divergence of distributions, `sum(y_true * log(y_true / y_pred))` over the last axis; both are
    /// kept between 1e-7 and 1.
    KLDivergence = "kl_divergence", kl_divergence {}
    |_this, y, p| {
        let (y, p) = prepared("kl_divergence", y, p)?;
        let (y, p) = (ops::clip(&y, EPSILON, 1.0)?, ops::clip(&p, EPSILON, 1.0)?);
        ops::sum(ops::multiply(&y, ops::log(ops::divide(&y, &p)?)?)?, -1)
    }
}

loss! {
    /// The loss of counts, `mean(y_pred - y_true * log(y_pred + 1e-7))` over the last axis.
    Poisson = "poisson", poisson {}
    |_this, y, p| {
        let (y, p) = prepared("poisson", y, p)?;
        let log = ops::log(ops::add(&p, EPSILON)?)?;
        ops::mean(ops::subtract(&p, ops::multiply(&y, log)?)?, -1)
    }
}
