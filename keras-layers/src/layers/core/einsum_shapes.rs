//! What an equation says of the weights of `EinsumDense`.

use keras_tensor::{Error, Result, Shape};

use crate::Dims;

/// The shapes of kernel and bias, and which axes of the kernel count as inputs and outputs.
pub(super) struct Shapes {
    pub(super) kernel: Shape,
    pub(super) bias: Option<Shape>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

/// An equation taken apart: the letters of input, kernel and output, and where `...` stands.
struct Equation<'a> {
    input: &'a str,
    kernel: &'a str,
    output: &'a str,
    elided_left: bool,
    elided_right: bool,
}

impl<'a> Equation<'a> {
    fn read(equation: &'a str) -> Option<Self> {
        let (left, output) = equation.split_once("->")?;
        let (input, kernel) = left.split_once(',')?;
        let strip = |side: &'a str| {
            let (before, after) = (side.strip_prefix("..."), side.strip_suffix("..."));
            match (before, after) {
                (Some(rest), _) => (rest, true, false),
                (None, Some(rest)) => (rest, false, true),
                (None, None) => (side, false, false),
            }
        };
        let (input, left_in, right_in) = strip(input);
        let (output, left_out, right_out) = strip(output);
        let letters = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphabetic());
        let readable = letters(input) && letters(kernel) && letters(output);
        let same = left_in == left_out && right_in == right_out;
        (readable && same).then_some(Equation {
            input,
            kernel,
            output,
            elided_left: left_in,
            elided_right: right_in,
        })
    }
}

/// The shapes of the weights for inputs of this shape, and a shape of a sample's output that may leave sizes open.
pub(super) fn shapes(
    equation: &str,
    bias_axes: Option<&str>,
    input: &Dims,
    output_shape: &Dims,
) -> Result<Shapes> {
    let wrong = |wanted: String| Error::argument("equation", format!("{equation:?}"), wanted);
    let e = Equation::read(equation).ok_or_else(|| {
        let wanted = "\"[x],[kernel]->[output]\" in letters, with \"...\" before or after both [x] and [output]";
        wrong(wanted.into())
    })?;
    let elided = input.len().checked_sub(e.input.len());
    let fits = |&n: &usize| n == 0 || e.elided_left || e.elided_right;
    let elided = elided
        .filter(fits)
        .ok_or_else(|| wrong(format!("a letter for each axis of the input {input}")))?;
    // The whole output: the batch, what the sample's shape says, and what `...` stands for.
    let mut output: Vec<Option<usize>> = output_shape.to_vec();
    if let Some(&batch) = input.first() {
        output.insert(0, batch);
    }
    if e.elided_left && elided > 1 {
        output.splice(1..1, input[1..elided].iter().copied());
    } else if e.elided_right {
        output.extend(&input[input.len() - elided..]);
    }
    if output.len() != e.output.len() + elided {
        let wanted = format!("a size for each axis after the batch of {equation:?}");
        return Err(Error::argument("output_shape", output_shape, wanted));
    }
    let shift = if e.elided_left { elided } else { 0 };
    let in_output = |c: char| e.output.find(c).map(|i| output[i + shift]);
    let in_input = |c: char| e.input.find(c).map(|i| input[i + shift]);
    for c in e.input.chars() {
        if let (Some(Some(a)), Some(Some(b))) = (in_input(c), in_output(c))
            && a != b
        {
            let wanted = format!("the input's size {a} for '{c}', not {b}");
            return Err(Error::argument("output_shape", output_shape, wanted));
        }
    }
    if let Some(c) = e
        .output
        .chars()
        .find(|&c| !e.input.contains(c) && !e.kernel.contains(c))
    {
        return Err(wrong(format!(
            "'{c}' of the output in the input or the kernel"
        )));
    }
    let known = |c: char, size: Option<usize>| {
        size.ok_or_else(|| {
            let wanted =
                format!("a known size for '{c}' of {equation:?}, because weights have that size");
            Error::argument(
                "output_shape or input shape",
                format!("{output_shape} and {input}"),
                wanted,
            )
        })
    };
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let mut kernel = Shape::scalar();
    for (i, c) in e.kernel.chars().enumerate() {
        let size = if let Some(size) = in_output(c) {
            outputs.push(i);
            size
        } else if let Some(size) = in_input(c) {
            inputs.push(i);
            size
        } else {
            return Err(wrong(format!(
                "'{c}' of the kernel in the input or the output"
            )));
        };
        // A letter of all three takes the size that either gives.
        let size = size.or_else(|| in_input(c).flatten());
        kernel.push(known(c, size)?);
    }
    let bias = match bias_axes {
        None => None,
        Some(axes) => {
            let first = axes
                .chars()
                .map(|c| e.output.find(c))
                .collect::<Option<Vec<usize>>>()
                .and_then(|found| found.into_iter().min());
            let first = first.ok_or_else(|| {
                Error::argument(
                    "bias_axes",
                    format!("{axes:?}"),
                    format!("letters of the output of {equation:?}"),
                )
            })?;
            let mut shape = Shape::scalar();
            for c in e.output[first..].chars() {
                let size = if axes.contains(c) {
                    known(c, in_output(c).flatten())?
                } else {
                    1
                };
                shape.push(size);
            }
            if !e.elided_left {
                (0..elided).for_each(|_| shape.push(1));
            }
            Some(shape)
        }
    };
    Ok(Shapes {
        kernel,
        bias,
        inputs,
        outputs,
    })
}
