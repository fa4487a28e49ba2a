//! The rule of convolution. Its three parts are derivatives of one sum of products, so each is made of the two others.

use keras_tensor::op::{Axes, Conv, ConvFused, ConvPart, Fold};
use keras_tensor::{Op, Result, Tensor, apply_one, ops};

use super::{Given, Grads, before};
use crate::tape::Record;

pub(super) fn conv(conv: &Conv, given: &Given) -> Result<Grads> {
    let (a, b, g) = (&given.inputs[0], &given.inputs[1], given.gradient);
    let space = a.rank() - 2;
    let part = |part, sizes: &[usize], a: &Tensor, b: &Tensor| {
        apply_one(Op::Conv(conv.with(part, sizes)), &[a, b])
    };
    let inside = |t: &Tensor| t.shape()[1..=space].to_vec();
    let taps = |t: &Tensor| t.shape()[..space].to_vec();
    let first = || match conv.part {
        ConvPart::Output => part(ConvPart::Input, &inside(a), g, b),
        ConvPart::Input => part(ConvPart::Output, &[], g, b),
        ConvPart::Kernel => part(ConvPart::Input, &inside(a), b, g),
    };
    let second = || match conv.part {
        ConvPart::Output => part(ConvPart::Kernel, &taps(b), a, g),
        ConvPart::Input => part(ConvPart::Kernel, &taps(b), g, a),
        ConvPart::Kernel => part(ConvPart::Output, &[], a, g),
    };
    Ok(Grads::from_iter([
        given.wanted[0].then(first).transpose()?,
        given.wanted[1].then(second).transpose()?,
    ]))
}

/// The rule of a convolution with what follows it. The sums before the scale are computed again where they are needed.
pub(super) fn fused(
    fused: &ConvFused,
    record: &Record,
    gradient: Tensor,
    wanted: &[bool],
) -> Result<Grads> {
    let g = before(fused.activation, gradient, &record.outputs[0])?;
    let named = fused.named(wanted.iter().copied());
    let given = fused.named(&record.inputs);
    let by_filter = |t: &Tensor| {
        let axes: Axes = (0..t.rank() - 1).collect();
        ops::reduce(t, Fold::Sum, axes, false)
    };
    let of_sums = match given.scale {
        Some(scale) if named.x || named.kernel => ops::multiply(&g, scale)?,
        _ => g.clone(),
    };
    let mut gradients = conv(
        &fused.conv,
        &Given {
            inputs: &record.inputs,
            outputs: &record.outputs,
            gradient: &of_sums,
            wanted,
        },
    )?;
    if let Some(wanted) = named.scale {
        let by_scale = || {
            let op = Op::Conv(fused.conv.clone());
            let sums = apply_one(op, &[given.x, given.kernel])?;
            by_filter(&ops::multiply(&g, sums)?)
        };
        gradients.push(wanted.then(by_scale).transpose()?);
    }
    if let Some(wanted) = named.bias {
        gradients.push(wanted.then(|| by_filter(&g)).transpose()?);
    }
    if let Some(wanted) = named.residual {
        gradients.push(wanted.then_some(g));
    }
    Ok(gradients)
}
