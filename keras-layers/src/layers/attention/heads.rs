//! What attention of several heads is made of: projections, and attention between them.

use keras_tensor::{Error, Outputs, Result, Tensor, ops};
use std::sync::OnceLock;

use super::super::core::{EinsumDense, OutputShape};
use super::super::{Dropout, Softmax};
use super::masks;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Arguments, Call, DTypePolicy, Dims, LayerExt, LayerRef, Weights};

/// How projections are made: what the config of the layer says of all of them.
pub(super) struct Projection<'a> {
    pub(super) use_bias: bool,
    pub(super) kernel_initializer: &'a Initializer,
    pub(super) bias_initializer: &'a Initializer,
    pub(super) kernel_regularizer: &'a Option<Regularizer>,
    pub(super) bias_regularizer: &'a Option<Regularizer>,
    pub(super) activity_regularizer: &'a Option<Regularizer>,
    pub(super) kernel_constraint: &'a Option<Constraint>,
    pub(super) bias_constraint: &'a Option<Constraint>,
    pub(super) policy: DTypePolicy,
}

impl Projection<'_> {
    /// A layer that takes the last `bound` axes of an input of `rank` to axes of these sizes.
    pub(super) fn layer(
        &self,
        name: &str,
        rank: usize,
        bound: usize,
        sizes: &[usize],
        activation: &str,
    ) -> Result<LayerRef> {
        let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
        if rank + sizes.len() > 26 || rank <= bound {
            let wanted = format!("an input of more than {bound} axes, and of at most 20");
            return Err(Error::argument(
                "input shape",
                format!("{rank} axes"),
                wanted,
            ));
        }
        let free: String = (0..rank - bound).map(letter).collect();
        let inner: String = (rank - bound..rank).map(letter).collect();
        let outer: String = (rank..rank + sizes.len()).map(letter).collect();
        let equation = format!("{free}{inner},{inner}{outer}->{free}{outer}");
        let open = std::iter::repeat_n(None, rank - bound - 1);
        let shape: Dims = open.chain(sizes.iter().map(|&n| Some(n))).collect();
        let mut layer = EinsumDense::new(equation, OutputShape::from(shape))
            .activation(activation)
            .kernel_initializer(self.kernel_initializer.another())
            .bias_initializer(self.bias_initializer.another());
        if self.use_bias {
            layer = layer.bias_axes(outer);
        }
        if let Some(r) = self.kernel_regularizer {
            layer = layer.kernel_regularizer(r.clone());
        }
        if let Some(r) = self.bias_regularizer {
            layer = layer.bias_regularizer(r.clone());
        }
        if let Some(r) = self.activity_regularizer {
            layer = layer.activity_regularizer(r.clone());
        }
        if let Some(c) = self.kernel_constraint {
            layer = layer.kernel_constraint(c.clone());
        }
        if let Some(c) = self.bias_constraint {
            layer = layer.bias_constraint(c.clone());
        }
        Ok(layer.name(name).with_dtype(&self.policy))
    }
}

/// How many heads of what size, and what attention goes along.
pub(super) struct Sizes<'a> {
    pub(super) query_heads: usize,
    pub(super) key_heads: usize,
    pub(super) key_dim: usize,
    pub(super) value_dim: usize,
    /// The shape of the output's features.
    pub(super) output: &'a [usize],
    pub(super) axes: Vec<usize>,
    pub(super) use_gate: bool,
    pub(super) dropout: f64,
    pub(super) seed: Option<u32>,
    pub(super) window: Option<usize>,
    /// The fields in which Keras's class keeps the projections of query, key, value and output.
    pub(super) fields: [&'static str; 4],
}

/// The layers inside, once they are built. Clones are empty.
#[derive(Default)]
pub(super) struct Slot(OnceLock<Heads>);

impl Clone for Slot {
    fn clone(&self) -> Self {
        Slot::default()
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<heads>")
    }
}

struct Heads {
    query: LayerRef,
    key: LayerRef,
    gate: Option<LayerRef>,
    value: LayerRef,
    softmax: LayerRef,
    dropout: LayerRef,
    output: LayerRef,
    axes: Vec<usize>,
    /// Products of queries and keys: `"aecd,abcd->acbe"`.
    product: String,
    /// What is found: `"acbe,aecd->abcd"`.
    combination: String,
    key_dim: usize,
    /// How many query heads share a key.
    repeats: usize,
    drops: bool,
    window: Option<usize>,
}

impl Slot {
    /// Makes and declares the layers for these inputs.
    pub(super) fn build(
        &self,
        inputs: &Arguments<Dims>,
        projection: &Projection<'_>,
        sizes: &Sizes<'_>,
        w: &mut Weights,
    ) -> Result<()> {
        let [query, value, key] = masks::arguments(inputs)?;
        let rank = query.len();
        let between = |d: &Dims| d.get(1..d.len().saturating_sub(1)).map(<[_]>::to_vec);
        if value.len() != rank || between(value) != between(key) {
            return Err(Error::argument(
                "inputs",
                format!("{query}, {value} and {key}"),
                "query, value and key with as many axes, value and key with equal sizes of all but the last",
            ));
        }
        if sizes.axes.is_empty() || sizes.axes.iter().any(|a| !(1..rank - 1).contains(a)) {
            let wanted = format!("axes between the batch and the features of {query}");
            return Err(Error::argument(
                "attention_axes",
                format!("{:?}", sizes.axes),
                wanted,
            ));
        }
        if !(0.0..=1.0).contains(&sizes.dropout) {
            return Err(Error::argument(
                "dropout",
                sizes.dropout,
                "a share from 0 to 1",
            ));
        }
        // Keras draws a seed for the layer's own initializer before those of the projections.
        projection.kernel_initializer.resolve()?.fix_seed();
        let onto = |name: &str, heads: usize, dim: usize, activation: &str| {
            projection.layer(name, rank, 1, &[heads, dim], activation)
        };
        let query_layer = onto("query", sizes.query_heads, sizes.key_dim, "linear")?;
        query_layer.build(query)?;
        let key_layer = onto("key", sizes.key_heads, sizes.key_dim, "linear")?;
        key_layer.build(key)?;
        let gate = if sizes.use_gate {
            let gate = onto("gate", sizes.query_heads, sizes.value_dim, "sigmoid")?;
            gate.build(query)?;
            Some(gate)
        } else {
            None
        };
        let value_layer = onto("value", sizes.key_heads, sizes.value_dim, "linear")?;
        value_layer.build(value)?;
        let attended = sizes.axes.len() as isize;
        let softmax = LayerRef::from(match attended {
            1 => Softmax::new(-1),
            _ => Softmax::over(&(-attended..0).collect::<Vec<_>>()),
        });
        let mut dropout = Dropout::new(sizes.dropout);
        if let Some(seed) = sizes.seed {
            dropout = dropout.seed(seed);
        }
        let dropout = LayerRef::from(dropout).with_dtype(&projection.policy);
        let output = projection.layer("attention_output", rank + 1, 2, sizes.output, "linear")?;
        let features = [Some(sizes.query_heads), Some(sizes.value_dim)];
        output.build(
            query[..rank - 1]
                .iter()
                .copied()
                .chain(features)
                .collect::<Dims>(),
        )?;
        let (product, combination) = equations(rank + 1, &sizes.axes);
        let heads = Heads {
            query: query_layer,
            key: key_layer,
            gate,
            value: value_layer,
            softmax: softmax.with_dtype(&projection.policy),
            dropout,
            output,
            axes: sizes.axes.clone(),
            product,
            combination,
            key_dim: sizes.key_dim,
            repeats: sizes.query_heads / sizes.key_heads,
            drops: sizes.dropout > 0.0,
            window: sizes.window,
        };
        let [query_field, key_field, value_field, output_field] = sizes.fields;
        w.layer_as(query_field, &heads.query);
        w.layer_as(key_field, &heads.key);
        if let Some(gate) = &heads.gate {
            w.layer_as("_gate_dense", gate);
        }
        w.layer_as(value_field, &heads.value);
        w.layer_as("_softmax", &heads.softmax);
        w.layer_as("_dropout_layer", &heads.dropout);
        w.layer_as(output_field, &heads.output);
        let _ = self.0.set(heads);
        Ok(())
    }

    /// The output, with the mask of the query, then the scores if they are asked for.
    pub(super) fn call(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let heads = self.0.get().ok_or_else(|| {
            Error::not_ready(
                "the projections",
                "call the layer through its LayerRef, which builds it",
            )
        })?;
        heads.call(inputs, cx)
    }
}

impl Heads {
    fn call(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let [query, value, key] = masks::arguments(inputs)?;
        let mask = masks::of_call(inputs, &self.axes, self.window)?;
        let gate = self.gate.as_ref().map(|g| g.call(query, cx)).transpose()?;
        let projected = [
            self.query.call(query, cx)?,
            self.repeated(self.key.call(key, cx)?)?,
            self.repeated(self.value.call(value, cx)?)?,
        ];
        let with_scores = inputs.is_set("return_attention_scores");
        let (mut found, scores) = self.attend(projected, mask, with_scores, cx)?;
        if let Some(gate) = gate {
            found = ops::multiply(&found, &gate)?;
        }
        let y = self.output.call(&found, cx)?;
        let mut outputs = Outputs::from_iter([y.with_mask(query.mask().cloned())]);
        if with_scores {
            outputs.extend(scores);
        }
        Ok(outputs)
    }

    fn attend(
        &self,
        [query, key, value]: [Tensor; 3],
        mask: Option<Tensor>,
        with_scores: bool,
        cx: &Call,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let scale = 1.0 / (self.key_dim as f64).sqrt();
        // Of the scores, only the rank matters here: queries and keys have the attended axes twice.
        let rank = query.rank() - 1 + self.axes.len();
        let mask = mask
            .map(|m| masks::over_heads(&m, self.axes.len(), rank))
            .transpose()?;
        if !with_scores && !self.drops && query.rank() == 4 {
            let mask = mask.as_ref();
            let found = ops::dot_product_attention(&query, &key, &value, mask, Some(scale), false)?;
            return Ok((found, None));
        }
        let scores = ops::einsum(&self.product, &[&key, &ops::multiply(&query, scale)?])?;
        let scores = self
            .softmax
            .call(&scores.with_mask(mask), cx)?
            .with_mask(None);
        let kept = self.dropout.call(&scores, cx)?;
        let found = ops::einsum(&self.combination, &[&kept, &value])?;
        Ok((found, Some(scores)))
    }

    /// Keys or values `[.., heads, dim]`, each head as often as query heads share it.
    fn repeated(&self, x: Tensor) -> Result<Tensor> {
        if self.repeats == 1 {
            return Ok(x);
        }
        let mut shape = x.shape().clone();
        let heads = shape.rank() - 2;
        shape.insert(heads + 1, self.repeats);
        let spread = ops::broadcast_to(ops::expand_dims(&x, heads as isize + 1)?, shape)?;
        let mut shape = x.shape().clone();
        shape[heads] *= self.repeats;
        ops::reshape_to(&spread, shape)
    }
}

/// The equations for the products of projected keys and queries of `rank` axes, and for what is found.
fn equations(rank: usize, axes: &[usize]) -> (String, String) {
    let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
    let target: String = (0..rank).map(letter).collect();
    let mut next = rank;
    let source: String = (0..rank)
        .map(|i| {
            if axes.contains(&i) {
                next += 1;
                letter(next - 1)
            } else {
                letter(i)
            }
        })
        .collect();
    let at = |s: &str, i: usize| s.chars().nth(i);
    let free = (0..rank - 1)
        .filter(|i| !axes.contains(i))
        .filter_map(|i| at(&target, i));
    let queries = axes.iter().filter_map(|&i| at(&target, i));
    let keys = axes.iter().filter_map(|&i| at(&source, i));
    let scores: String = free.chain(queries).chain(keys).collect();
    (
        format!("{source},{target}->{scores}"),
        format!("{scores},{source}->{target}"),
    )
}
