//! Tables of a model's layers.

mod keras2;
mod keras3;

use keras_layers::{Dims, LayerRef};
use keras_tensor::{Result, Variable};

use crate::Model;
use crate::sequential::Stack;

/// Which Keras's table to draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// The framed table of Keras 3.
    #[default]
    Keras3,
    /// The plain table of tf.keras 2, of fixed columns.
    Keras2,
}

/// How a summary is drawn.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    style: Style,
    line_length: Option<usize>,
    show_trainable: bool,
}

impl Summary {
    /// Keras 3's table, as wide as the terminal allows.
    pub fn new() -> Self {
        Summary::default()
    }

    /// Which Keras's table.
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Letters in a line.
    pub fn line_length(mut self, line_length: usize) -> Self {
        self.line_length = Some(line_length);
        self
    }

    /// A column that says which layers are trainable.
    pub fn show_trainable(mut self, show_trainable: bool) -> Self {
        self.show_trainable = show_trainable;
        self
    }
}

/// A layer's line.
struct Row {
    name: String,
    class_name: String,
    output: Option<Dims>,
    params: usize,
    built: bool,
    /// `None` where there is nothing to train.
    trainable: Option<bool>,
}

/// How many numbers, and how many bytes they take.
#[derive(Clone, Copy, Default)]
struct Size {
    numbers: usize,
    bytes: usize,
}

impl Size {
    fn of(variables: &[Variable]) -> Self {
        variables.iter().fold(Size::default(), |sum, v| Size {
            numbers: sum.numbers + v.shape().size(),
            bytes: sum.bytes + v.shape().size() * v.dtype().size(),
        })
    }

    fn and(self, other: Size) -> Self {
        Size {
            numbers: self.numbers + other.numbers,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What both styles draw.
struct Facts {
    name: String,
    /// Whether the layers run one after the other; else output shapes are those of the layers on their own.
    stacked: bool,
    rows: Vec<Row>,
    trainable: Size,
    frozen: Size,
    optimizer: Option<Size>,
}

impl Facts {
    fn of(model: &Model) -> Self {
        let root = model.root();
        let stack = root.downcast_ref::<Stack>();
        let layers = stack.map_or(root.children(), Stack::layers);
        let mut dims = root.input_dims().cloned();
        let rows = layers
            .iter()
            .map(|layer| {
                let output = match stack {
                    Some(_) => dims.as_ref().and_then(|d| layer.output_dims(d).ok()),
                    None => layer.input_dims().and_then(|d| layer.output_dims(d).ok()),
                };
                dims.clone_from(&output);
                Row::of(layer, output)
            })
            .collect();
        Facts {
            name: model.name().to_string(),
            stacked: stack.is_some(),
            rows,
            trainable: Size::of(&root.trainable_variables()),
            frozen: Size::of(&root.non_trainable_variables()),
            optimizer: model.optimizer_variables().map(|v| Size::of(&v)),
        }
    }
}

impl Row {
    fn of(layer: &LayerRef, output: Option<Dims>) -> Self {
        let weights = layer.weights();
        Row {
            name: layer.name().to_string(),
            class_name: layer.class_name().to_string(),
            params: Size::of(&weights).numbers,
            built: layer.is_built() || layer.is_weightless(),
            trainable: (!weights.is_empty()).then(|| layer.trainable()),
            output,
        }
    }
}

/// The table as text.
pub(crate) fn text(model: &Model, how: &Summary) -> Result<String> {
    let facts = Facts::of(model);
    match how.style {
        Style::Keras3 => keras3::text(&facts, how),
        Style::Keras2 => keras2::text(&facts, how),
    }
}

/// `1,234,567`
fn with_commas(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
