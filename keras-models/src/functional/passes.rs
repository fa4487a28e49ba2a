//! Calls that one layer can do in its own pass over memory, along with its own.

use keras_layers::Follows;
use keras_tensor::op::Fused;

use super::plan::Step;

/// What may be done together with a step.
pub(super) struct Pass {
    /// The place of what is added.
    pub(super) residual: Option<usize>,
    pub(super) activation: Fused,
    /// The place of the result.
    pub(super) makes: usize,
    /// The steps that are done then.
    pub(super) covers: Vec<usize>,
}

/// Finds what follows each step: a sum with a tensor that is there before, an activation, or both, where nothing else needs
/// what is between. `uses` tells how often each place is needed.
pub(super) fn find(steps: &mut [Step], uses: &[usize]) {
    let mut makers = vec![None; uses.len()];
    for (i, step) in steps.iter().enumerate() {
        step.makes.iter().for_each(|&place| makers[place] = Some(i));
    }
    let mut consumers = vec![None; uses.len()];
    for (i, step) in steps.iter().enumerate() {
        let tensors = step.arguments.tensors();
        tensors.for_each(|&place| consumers[place] = Some(i));
    }
    for head in 0..steps.len() {
        let Some(mut place) = alone(&steps[head], 1) else {
            continue;
        };
        let mut pass = Pass {
            residual: None,
            activation: Fused::Linear,
            makes: place,
            covers: Vec::new(),
        };
        while let Some(next) = consumers[place].filter(|_| uses[place] == 1) {
            let step = &steps[next];
            match steps[head].layer.followed_by(&step.layer) {
                Some(Follows::Sum) if pass.covers.is_empty() && alone(step, 2).is_some() => {
                    let other = step.arguments.tensors().find(|&&p| p != place);
                    let other = other.filter(|&&p| makers[p].is_none_or(|maker| maker < head));
                    let Some(&other) = other else { break };
                    pass.residual = Some(other);
                }
                Some(Follows::Activation(function))
                    if pass.activation == Fused::Linear && alone(step, 1).is_some() =>
                {
                    pass.activation = function;
                }
                _ => break,
            }
            place = step.makes[0];
            pass.makes = place;
            pass.covers.push(next);
        }
        steps[head].pass = (!pass.covers.is_empty()).then_some(pass);
    }
}

/// The only output of a call with so many tensors and nothing else.
fn alone(step: &Step, tensors: usize) -> Option<usize> {
    let arguments = &step.arguments;
    let is_plain = arguments.tensors().count() == tensors
        && arguments.positional().len() == 1
        && arguments.by_name().next().is_none();
    match step.makes[..] {
        [place] if is_plain => Some(place),
        _ => None,
    }
}
