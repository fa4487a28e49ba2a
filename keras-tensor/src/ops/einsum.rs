//! Sums of products that an equation of letters describes.

use super::{
    Operand, arange, broadcast_to, cast, equal, expand_dims, matmul_transposed, multiply, reduce,
    reshape_to, transpose,
};
use crate::op::{Axes, Fold};
use crate::{DType, Error, Result, Shape, Tensor};

/// A letter of an equation; the axes that `...` stands for have names of their own, counted from the last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Label {
    Letter(char),
    Elided(usize),
}

/// A tensor whose axes have labels.
struct Labelled {
    x: Tensor,
    labels: Vec<Label>,
}

/// The sum of products that `equation` describes, as `numpy.einsum`: axes with the same letter are multiplied, letters
/// that the output lacks are summed over; `...` stands for any axes, which are broadcast.
///
/// ```
/// use keras_tensor::{Tensor, ops};
/// let x = ops::ones([2, 5, 4], Default::default())?;
/// let kernel = ops::ones([4, 3, 6], Default::default())?;
/// let y = ops::einsum("abc,cde->abde", &[&x, &kernel])?;
/// assert_eq!(y.shape().to_string(), "(2, 5, 3, 6)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// An equation that cannot be read, or shapes that do not fit it.
pub fn einsum(equation: &str, operands: &[&dyn Operand]) -> Result<Tensor> {
    let tensors = operands
        .iter()
        .map(|o| Ok(o.tensor()?.into_owned()))
        .collect::<Result<Vec<_>>>()?;
    let (inputs, output) = parse(equation, &tensors)?;
    let mut all = Vec::new();
    for (x, labels) in tensors.into_iter().zip(inputs) {
        all.push(without_repeats(x, labels)?);
    }
    fit(equation, &mut all)?;
    let mut rest = all.into_iter();
    let Some(mut product) = rest.next() else {
        return Err(Error::argument("einsum", "no tensors", "at least one"));
    };
    while let Some(next) = rest.next() {
        let later: Vec<Label> = rest
            .as_slice()
            .iter()
            .flat_map(|l| l.labels.clone())
            .collect();
        let keep = |l: &Label| output.contains(l) || later.contains(l);
        product = contract(product, next, &keep, &output)?;
    }
    let product = product.summed(&|l| output.contains(l))?;
    product.in_order(&output)
}

/// The labels of each tensor's axes and of the output's.
fn parse(equation: &str, tensors: &[Tensor]) -> Result<(Vec<Vec<Label>>, Vec<Label>)> {
    let wrong =
        |wanted: String| Error::argument("einsum.equation", format!("{equation:?}"), wanted);
    let plain: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match plain.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&*plain, None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != tensors.len() {
        let wanted = format!("letters for {} tensors, between commas", tensors.len());
        return Err(wrong(wanted));
    }
    let labels = |term: &str, elided: usize| -> Result<Vec<Label>> {
        let (before, after) = match term.split_once("...") {
            Some((before, after)) => (before, Some(after)),
            None => (term, None),
        };
        let letters = |s: &str| s.chars().map(Label::Letter).collect::<Vec<_>>();
        let mut all = letters(before);
        if let Some(after) = after {
            all.extend((0..elided).rev().map(Label::Elided));
            all.extend(letters(after));
        }
        let readable = |l: &Label| !matches!(l, Label::Letter(c) if !c.is_alphabetic());
        if !all.iter().all(readable) {
            return Err(wrong("letters, commas, one \"->\", and \"...\"".into()));
        }
        Ok(all)
    };
    let mut inputs = Vec::new();
    let mut widest = 0;
    for (term, x) in terms.iter().zip(tensors) {
        let letters = term.replacen("...", "", 1).chars().count();
        let elided = x.rank().checked_sub(letters);
        let fits = elided.filter(|&n| n == 0 || term.contains("..."));
        let Some(elided) = fits else {
            let wanted = format!("\"{term}\" of {equation:?} to name each axis");
            return Err(Error::shape("einsum", &[x.shape()], wanted));
        };
        widest = widest.max(elided);
        inputs.push(labels(term, elided)?);
    }
    let seen: Vec<Label> = inputs.concat();
    let output = match right {
        Some(right) => labels(right, widest)?,
        None => {
            let mut once: Vec<char> = Vec::new();
            for l in &seen {
                match l {
                    Label::Letter(c) if seen.iter().filter(|s| *s == l).count() == 1 => {
                        once.push(*c)
                    }
                    _ => {}
                }
            }
            once.sort_unstable();
            let elided = (0..widest).rev().map(Label::Elided);
            elided.chain(once.into_iter().map(Label::Letter)).collect()
        }
    };
    for (i, l) in output.iter().enumerate() {
        if !seen.contains(l) || output[..i].contains(l) {
            return Err(wrong(
                "each letter of the output once there, and in an input".into(),
            ));
        }
    }
    Ok((inputs, output))
}

/// The diagonal where a letter stands twice.
fn without_repeats(mut x: Tensor, mut labels: Vec<Label>) -> Result<Labelled> {
    while let Some((i, j)) = repeated(&labels) {
        let (n, m) = (x.shape()[i], x.shape()[j]);
        if n != m {
            let wanted = "equal sizes of the axes with one letter";
            return Err(Error::shape("einsum", &[x.shape()], wanted));
        }
        let places = arange(0, n as i64, DType::I32)?;
        let diagonal = equal(expand_dims(&places, 1)?, &places)?;
        let mut shape: Shape = std::iter::repeat_n(1, x.rank()).collect();
        shape[i] = n;
        shape[j] = n;
        let mask = reshape_to(cast(&diagonal, x.dtype())?, shape)?;
        let axis: Axes = std::iter::once(j).collect();
        x = reduce(multiply(&x, &mask)?, Fold::Sum, axis, false)?;
        labels.remove(j);
    }
    Ok(Labelled { x, labels })
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    labels.iter().enumerate().find_map(|(j, l)| {
        let i = labels[..j].iter().position(|other| other == l)?;
        Some((i, j))
    })
}

/// Checks that sizes of equal labels are equal, and repeats axes of size 1 that meet longer ones.
fn fit(equation: &str, all: &mut [Labelled]) -> Result<()> {
    let mut sizes: Vec<(Label, usize)> = Vec::new();
    for l in all.iter() {
        for (label, &n) in l.labels.iter().zip(l.x.shape().iter()) {
            match sizes.iter_mut().find(|(known, _)| known == label) {
                Some((_, size)) if *size == 1 => *size = n,
                Some((_, size)) if *size == n || n == 1 => {}
                Some(_) => {
                    let shapes: Vec<&[usize]> = all.iter().map(|l| &l.x.shape()[..]).collect();
                    let wanted = format!("equal sizes for equal letters of {equation:?}");
                    return Err(Error::shape("einsum", &shapes, wanted));
                }
                None => sizes.push((*label, n)),
            }
        }
    }
    for l in all.iter_mut() {
        let size = |label: &Label| sizes.iter().find(|(known, _)| known == label);
        let wanted: Shape = l.labels.iter().filter_map(size).map(|(_, n)| *n).collect();
        l.x = broadcast_to(&l.x, wanted)?;
    }
    Ok(())
}

impl Labelled {
    /// Summed over the labels that are not kept.
    fn summed(self, keep: &dyn Fn(&Label) -> bool) -> Result<Self> {
        let axes: Axes = (0..self.labels.len())
            .filter(|&i| !keep(&self.labels[i]))
            .collect();
        if axes.is_empty() {
            return Ok(self);
        }
        let x = reduce(&self.x, Fold::Sum, axes, false)?;
        let labels = self.labels.into_iter().filter(keep).collect();
        Ok(Labelled { x, labels })
    }

    /// The size of a label's axis.
    fn size(&self, label: Label) -> usize {
        let axis = self.labels.iter().position(|l| *l == label);
        axis.map_or(1, |i| self.x.shape()[i])
    }

    /// The tensor with its axes in this order.
    fn in_order(&self, order: &[Label]) -> Result<Tensor> {
        if self.labels == order {
            return Ok(self.x.clone());
        }
        let axis = |l: &Label| self.labels.iter().position(|own| own == l);
        let axes: Vec<usize> = order.iter().filter_map(axis).collect();
        transpose(&self.x, Some(&axes))
    }

    /// The matrices `[batch, rows, columns]`, and whether they are transposed; memory is moved only if it must be.
    fn matrices(
        &self,
        batch: &[Label],
        rows: &[Label],
        columns: &[Label],
    ) -> Result<(Tensor, bool)> {
        let transposed = self.labels == [batch, columns, rows].concat();
        let x = if transposed {
            self.x.clone()
        } else {
            self.in_order(&[batch, rows, columns].concat())?
        };
        let size = |labels: &[Label]| labels.iter().map(|&l| self.size(l)).product::<usize>();
        let (mut first, mut second) = (size(rows), size(columns));
        if transposed {
            std::mem::swap(&mut first, &mut second);
        }
        let mut shape: Shape = [first, second].into();
        if !batch.is_empty() {
            shape.insert(0, size(batch));
        }
        Ok((reshape_to(&x, shape)?, transposed))
    }
}

/// The product of two tensors, summed over the labels that are not kept.
fn contract(
    a: Labelled,
    b: Labelled,
    keep: &dyn Fn(&Label) -> bool,
    output: &[Label],
) -> Result<Labelled> {
    // What only one of them has and nobody keeps goes first.
    let in_b = b.labels.clone();
    let a = a.summed(&|l| keep(l) || in_b.contains(l))?;
    let in_a = a.labels.clone();
    let b = b.summed(&|l| keep(l) || in_a.contains(l))?;
    let (in_a, in_b) = (&a.labels, &b.labels);
    let own = |labels: &[Label], other: &[Label]| -> Vec<Label> {
        labels
            .iter()
            .filter(|l| !other.contains(l))
            .copied()
            .collect()
    };
    let (only_a, only_b) = (own(in_a, in_b), own(in_b, in_a));
    let (batch, inner): (Vec<Label>, Vec<Label>) = in_a
        .iter()
        .filter(|l| in_b.contains(l))
        .partition(|l| keep(l));
    // The order that spares the output a transposition.
    let first = |labels: &[Label]| {
        labels
            .iter()
            .filter_map(|l| output.iter().position(|o| o == l))
            .min()
    };
    let swap = matches!((first(&only_a), first(&only_b)), (Some(i), Some(j)) if j < i);
    let (a, b, only_a, only_b) = if swap {
        (b, a, only_b, only_a)
    } else {
        (a, b, only_a, only_b)
    };
    let labels = [&batch[..], &only_a[..], &only_b[..]].concat();
    let shape: Shape = labels
        .iter()
        .map(|&l| {
            if a.labels.contains(&l) {
                a.size(l)
            } else {
                b.size(l)
            }
        })
        .collect();
    if inner.is_empty() {
        let spread = |t: &Labelled, order: &[Label]| -> Result<Tensor> {
            let x = t.in_order(order)?;
            let shape = labels
                .iter()
                .map(|&l| if t.labels.contains(&l) { t.size(l) } else { 1 });
            reshape_to(&x, shape.collect())
        };
        let x = multiply(
            spread(&a, &[&batch[..], &only_a[..]].concat())?,
            spread(&b, &[&batch[..], &only_b[..]].concat())?,
        )?;
        return Ok(Labelled { x, labels });
    }
    let (x, transpose_a) = a.matrices(&batch, &only_a, &inner)?;
    let (y, transpose_b) = b.matrices(&batch, &inner, &only_b)?;
    let product = matmul_transposed(&x, &y, transpose_a, transpose_b)?;
    Ok(Labelled {
        x: reshape_to(&product, shape)?,
        labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let data: Vec<f64> = (0..n).map(|i| i as f64).collect();
        Tensor::from_f64(&data, shape, DType::F64).unwrap()
    }

    fn check(equation: &str, shapes: &[&[usize]], shape: &[usize], expected: &[f64]) {
        let tensors: Vec<Tensor> = shapes.iter().map(|s| counted(s)).collect();
        let operands: Vec<&dyn Operand> = tensors.iter().map(|t| t as &dyn Operand).collect();
        let y = einsum(equation, &operands).unwrap();
        assert_eq!(&y.shape()[..], shape, "{equation}");
        assert_eq!(y.to_f64_vec().unwrap(), expected, "{equation}");
    }

    /// The values come from `numpy.einsum` on `numpy.arange(..).reshape(..)`.
    #[test]
    fn equations_mean_what_numpy_means() {
        include!("einsum_golden.rs");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let (x, y) = (counted(&[2, 3]), counted(&[4, 3]));
        for equation in [
            "ab,bc->ac",
            "ab->ab",
            "abc,bc->a",
            "ab,cb->ad",
            "ab,cb->aa",
            "a1,cb->a",
        ] {
            let error = einsum(equation, &[&x, &y]).unwrap_err().to_string();
            assert!(error.contains("einsum"), "{error}");
        }
    }
}
