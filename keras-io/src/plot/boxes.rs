//! What is to be drawn of a model: a box for each layer, and who feeds whom.

use keras_layers::{Dims, LayerRef, Symbolic};
use keras_models::Model;
use std::collections::{HashMap, HashSet};

use super::PlotModel;

/// A layer.
pub(super) struct LayerBox {
    pub(super) lines: Vec<String>,
}

/// Layers and the pairs of them of which one feeds the other.
#[derive(Default)]
pub(super) struct Boxes {
    pub(super) boxes: Vec<LayerBox>,
    /// Places in `boxes`: what feeds, and what is fed.
    pub(super) edges: Vec<(usize, usize)>,
}

/// The layers of a model, those that feed before those that are fed.
pub(super) fn of(model: &Model, how: &PlotModel) -> Boxes {
    let Ok(outputs) = model.outputs() else {
        let lines = lines(model, &[], &[], how);
        return Boxes {
            boxes: vec![LayerBox { lines }],
            edges: Vec::new(),
        };
    };
    let mut seen = Seen {
        how,
        cut: model.inputs().unwrap_or_default(),
        places: HashMap::new(),
        last: HashMap::new(),
        drawn: HashSet::new(),
        found: Boxes::default(),
    };
    // Every call that an output needs, in an order in which they can run, without recursion.
    let mut left: Vec<(Symbolic, bool)> = outputs.into_iter().rev().map(|y| (y, false)).collect();
    while let Some((y, fed)) = left.pop() {
        let key = seen.key(&y);
        if seen.places.contains_key(&key) {
            continue;
        }
        let inputs = seen.inputs(&y);
        if fed || inputs.is_empty() {
            seen.add(key, &y, &inputs);
        } else {
            left.push((y, true));
            left.extend(inputs.into_iter().rev().map(|x| (x, false)));
        }
    }
    seen.found
}

/// A layer, and which of its calls.
type Key = (usize, usize);

struct Seen<'a> {
    how: &'a PlotModel,
    cut: Vec<Symbolic>,
    places: HashMap<Key, usize>,
    /// The last box of each layer.
    last: HashMap<usize, usize>,
    drawn: HashSet<(usize, usize)>,
    found: Boxes,
}

impl Seen<'_> {
    fn key(&self, y: &Symbolic) -> Key {
        (y.layer().id(), y.node().index())
    }

    /// What the call was given; nothing where the model begins.
    fn inputs(&self, y: &Symbolic) -> Vec<Symbolic> {
        if self.cut.iter().any(|x| x.is(y)) {
            return Vec::new();
        }
        y.node().inputs().cloned().collect()
    }

    fn add(&mut self, key: Key, y: &Symbolic, inputs: &[Symbolic]) {
        let outputs = y.node().outputs();
        let shapes: Vec<&Dims> = outputs.iter().map(|y| &y.dims).collect();
        let given: Vec<&Dims> = inputs.iter().map(Symbolic::dims).collect();
        let mut lines = lines(y.layer(), &given, &shapes, self.how);
        if self.how.show_dtype {
            let mut names: Vec<&str> = outputs.iter().map(|y| y.dtype.name()).collect();
            names.dedup();
            lines.push(format!("Output dtype: {}", names.join(", ")));
        }
        let from: Vec<usize> = inputs.iter().map(|x| self.places[&self.key(x)]).collect();
        // A layer that is called twice is one box, unless it would feed itself.
        let same = self.last.get(&key.0).copied();
        let place = match same.filter(|place| !self.found.leads_to(*place, &from)) {
            Some(place) => place,
            None => {
                self.found.boxes.push(LayerBox { lines });
                self.found.boxes.len() - 1
            }
        };
        self.places.insert(key, place);
        self.last.insert(key.0, place);
        let edges = from.into_iter().map(|from| (from, place));
        let new = edges.filter(|edge| self.drawn.insert(*edge));
        self.found.edges.extend(new);
    }
}

impl Boxes {
    /// Whether one of `ends` is fed by a box, directly or through others, or is the box itself.
    fn leads_to(&self, place: usize, ends: &[usize]) -> bool {
        let mut met = vec![false; self.boxes.len()];
        let mut left = vec![place];
        while let Some(at) = left.pop() {
            if !std::mem::replace(&mut met[at], true) {
                left.extend(
                    self.edges
                        .iter()
                        .filter(|(from, _)| *from == at)
                        .map(|(_, to)| *to),
                );
            }
        }
        ends.iter().any(|end| met[*end])
    }

    /// How many boxes lie, on the longest way, above each.
    pub(super) fn depths(&self) -> Vec<usize> {
        let mut waits = vec![0usize; self.boxes.len()];
        let mut fed: Vec<Vec<usize>> = vec![Vec::new(); self.boxes.len()];
        for (from, to) in &self.edges {
            waits[*to] += 1;
            fed[*from].push(*to);
        }
        let mut depths = vec![0; self.boxes.len()];
        let mut ready: Vec<usize> = (0..waits.len()).filter(|i| waits[*i] == 0).collect();
        while let Some(at) = ready.pop() {
            for to in &fed[at] {
                depths[*to] = depths[*to].max(depths[at] + 1);
                waits[*to] -= 1;
                if waits[*to] == 0 {
                    ready.push(*to);
                }
            }
        }
        // What begins stands right above what it feeds.
        for i in 0..depths.len() {
            let below = fed[i].iter().map(|to| depths[*to]).min();
            if let (0, Some(below)) = (depths[i], below) {
                depths[i] = below - 1;
            }
        }
        depths
    }
}

fn lines(layer: &LayerRef, given: &[&Dims], made: &[&Dims], how: &PlotModel) -> Vec<String> {
    let class = layer.class_name();
    let mut lines = vec![match how.show_layer_names {
        true => format!("{} ({class})", layer.name()),
        false => class.to_string(),
    }];
    let shapes = |all: &[&Dims]| {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        all.join(", ")
    };
    if how.show_shapes {
        if !given.is_empty() {
            lines.push(format!("Input shape: {}", shapes(given)));
        }
        if !made.is_empty() {
            lines.push(format!("Output shape: {}", shapes(made)));
        }
    }
    if how.show_trainable && !layer.weights().is_empty() {
        let answer = if layer.trainable() { "yes" } else { "no" };
        lines.push(format!("Trainable: {answer}"));
    }
    lines
}
