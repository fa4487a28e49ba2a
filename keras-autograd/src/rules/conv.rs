//! The rule of convolution. Its three parts are derivatives of one sum of products, so each is made of the two others.

use keras_tensor::op::{Conv, ConvPart};
use keras_tensor::{Op, Result, Tensor, apply_one};

use super::{Given, Grads};

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
