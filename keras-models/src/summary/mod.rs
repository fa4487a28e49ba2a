//! Tables of a model's layers.

mod keras2;
mod keras3;

use keras_layers::{Dims, LayerRef};
use keras_tensor::{Result, Variable};

use crate::Model;
use crate::functional::{self, Graph};
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
    expand_nested: bool,
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

    /// The layers of models inside the model, too.
    pub fn expand_nested(mut self, expand_nested: bool) -> Self {
        self.expand_nested = expand_nested;
        self
    }
}

/// A layer's line.
struct Row {
    /// How many models the layer lies in, below the one that is drawn.
    depth: usize,
    name: String,
    class_name: String,
    outputs: Vec<Dims>,
    params: usize,
    built: bool,
    /// `None` where there is nothing to train.
    trainable: Option<bool>,
    /// What the layer is called on: `dense[0][0]`.
    connected_to: Vec<String>,
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
    /// Whether the model has a graph; else output shapes are those of the layers on their own.
    has_graph: bool,
    /// Whether each layer feeds the next one and nothing else.
    is_chain: bool,
    rows: Vec<Row>,
    trainable: Size,
    frozen: Size,
    optimizer: Option<Size>,
}

impl Facts {
    fn of(model: &Model, how: &Summary) -> Self {
        let root = model.root();
        let graph = functional::of(root).map(|f| f.graph());
        let is_chain = graph.is_none_or(Graph::is_chain);
        let mut rows = Vec::new();
        for layer in layers_of(root) {
            let mut row = Row::of(layer, 0);
            if let Some(graph) = graph.filter(|_| !is_chain) {
                row.connected_to = connections(graph, layer);
            }
            rows.push(row);
            if how.expand_nested {
                add_nested(layer, 1, &mut rows);
            }
        }
        Facts {
            name: model.name().to_string(),
            has_graph: graph.is_some() || root.downcast_ref::<Stack>().is_some(),
            is_chain,
            rows,
            trainable: Size::of(&root.trainable_variables()),
            frozen: Size::of(&root.non_trainable_variables()),
            optimizer: model.optimizer_variables().map(|v| Size::of(&v)),
        }
    }
}

/// The layers and operations of a model, or the layers that a custom layer holds.
fn layers_of(model: &LayerRef) -> &[LayerRef] {
    let stack = model.downcast_ref::<Stack>().map(Stack::layers);
    stack.unwrap_or(model.children())
}

fn add_nested(model: &LayerRef, depth: usize, rows: &mut Vec<Row>) {
    let is_model = functional::of(model).is_some() || model.downcast_ref::<Stack>().is_some();
    if !is_model {
        return;
    }
    for layer in layers_of(model).iter().filter(|l| !l.is_operation()) {
        rows.push(Row::of(layer, depth));
        add_nested(layer, depth + 1, rows);
    }
}

fn connections(graph: &Graph, layer: &LayerRef) -> Vec<String> {
    let nodes = graph.nodes_of(layer).iter();
    let inputs = nodes.flat_map(|node| node.inputs());
    let shown = inputs.map(|x| {
        let call = x.node().index();
        format!("{}[{call}][{}]", x.layer().name(), x.index())
    });
    shown.collect()
}

impl Row {
    fn of(layer: &LayerRef, depth: usize) -> Self {
        let weights = layer.weights();
        let outputs = match layer.nodes().last() {
            Some(node) => node.outputs().iter().map(|y| y.dims.clone()).collect(),
            None => {
                let known = layer.built_for().map(|dims| layer.outputs_dims(dims));
                let known = known.and_then(Result::ok).unwrap_or_default();
                known.into_iter().map(|(dims, _)| dims).collect()
            }
        };
        Row {
            depth,
            name: layer.name().to_string(),
            class_name: layer.class_name().to_string(),
            outputs,
            params: Size::of(&weights).numbers,
            built: layer.is_built() || layer.is_weightless(),
            trainable: (!weights.is_empty()).then(|| layer.trainable()),
            connected_to: Vec::new(),
        }
    }
}

/// The table as text.
pub(crate) fn text(model: &Model, how: &Summary) -> Result<String> {
    let facts = Facts::of(model, how);
    match how.style {
        Style::Keras3 => keras3::text(&facts, how),
        Style::Keras2 => keras2::text(&facts, how),
    }
}

/// One shape as it is, several in brackets.
fn shapes(outputs: &[Dims]) -> String {
    match outputs {
        [] => "?".into(),
        [one] => one.to_string(),
        several => {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("[{}]", all.join(", "))
        }
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
