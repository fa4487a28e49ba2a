//! Tensors that are not there yet: layers called on them make a graph, of which `Model::new` makes a model.

mod node;
mod operators;

pub use node::Node;
pub(crate) use node::Nodes;

use keras_tensor::{DType, Error, Result};
use std::fmt;
use std::sync::Arc;

use crate::layers::InputLayer;
use crate::{Arguments, Dims, LayerRef};

/// What is known of a tensor that is not there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its shape.
    pub dims: Dims,
    /// Its dtype.
    pub dtype: DType,
    /// The shape of its mask, if it will have one.
    pub mask: Option<Dims>,
}

impl Spec {
    /// A tensor without a mask.
    pub fn new(dims: impl Into<Dims>, dtype: DType) -> Self {
        Spec {
            dims: dims.into(),
            dtype,
            mask: None,
        }
    }
}

/// An output of a layer in a graph. Clones are the same tensor.
///
/// ```
/// use keras_layers::{LayerExt, Symbolic, layers::{Dense, Input}};
/// let x = Input::new([4]).symbolic();
/// let hidden = Dense::new(3).activation("relu").on(&x)?;
/// let y = Dense::new(3).on(&hidden)? + &hidden;
/// assert_eq!(y.dims().to_string(), "(None, 3)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Symbolic {
    node: Arc<Node>,
    index: usize,
}

impl Symbolic {
    pub(crate) fn of_input(input: InputLayer) -> Self {
        let spec = Spec::new(input.dims(), input.dtype_of());
        LayerRef::from(input).begin(spec)
    }

    /// All outputs of a call.
    pub fn all_of(node: &Arc<Node>) -> Vec<Self> {
        (0..node.outputs().len())
            .map(|index| Symbolic {
                node: node.clone(),
                index,
            })
            .collect()
    }

    /// The tensor that an [`InputLayer`] stands for.
    ///
    /// # Errors
    /// The layer is another one.
    pub fn input(layer: &LayerRef) -> Result<Self> {
        let Some(input) = layer.downcast_ref::<InputLayer>() else {
            let wanted = "an Input, because it is called on nothing";
            return Err(Error::argument("input", format!("{layer:?}"), wanted));
        };
        Ok(layer.begin(Spec::new(input.dims(), input.dtype_of())))
    }

    /// The call that makes it.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Its place among the outputs of the call.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The layer that makes it.
    pub fn layer(&self) -> &LayerRef {
        self.node.layer()
    }

    /// Its shape; `None` where any size will do.
    pub fn dims(&self) -> &Dims {
        &self.spec().dims
    }

    /// Its dtype.
    pub fn dtype(&self) -> DType {
        self.spec().dtype
    }

    /// What is known of it.
    pub fn spec(&self) -> &Spec {
        &self.node.outputs()[self.index]
    }

    /// Its mask, where that is a tensor of the graph, too.
    pub fn mask(&self) -> Option<&Symbolic> {
        self.node.masks()[self.index].as_ref()
    }

    /// Whether `other` is the same tensor.
    pub fn is(&self, other: &Symbolic) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && self.index == other.index
    }
}

impl LayerRef {
    /// Calls the layer on tensors that are not there yet: its weights are declared, and the call is one more node of a
    /// graph. A layer that is called twice has its weights in both places.
    ///
    /// # Errors
    /// Shapes that the layer cannot take; the error names the layer.
    pub fn on(&self, inputs: impl Into<Arguments<Symbolic>>) -> Result<Symbolic> {
        Ok(self.on_many(inputs)?.swap_remove(0))
    }

    /// [`LayerRef::on`] for a layer of several outputs.
    ///
    /// # Errors
    /// Shapes that the layer cannot take; the error names the layer.
    pub fn on_many(&self, inputs: impl Into<Arguments<Symbolic>>) -> Result<Vec<Symbolic>> {
        let mut inputs = inputs.into();
        let first = inputs.first()?.clone();
        if let Some(mask) = first.mask()
            && self.takes_mask()
            && inputs.by_name().all(|(name, _)| name != "mask")
        {
            inputs = inputs.named("mask", mask);
        }
        let specs = self.outputs_spec(&inputs.map(|x| Ok(x.spec().clone()))?)?;
        let mut masks = vec![None; specs.len()];
        for (mask, spec) in masks.iter_mut().zip(&specs) {
            if spec.mask.is_some() {
                let own = self.symbolic_mask(&first)?;
                *mask = own.or_else(|| first.mask().cloned());
            }
        }
        Ok(self.record(Some(inputs), specs, masks))
    }

    /// The layer as the begin of a graph.
    fn begin(&self, spec: Spec) -> Symbolic {
        self.record(None, vec![spec], vec![None]).swap_remove(0)
    }

    fn record(
        &self,
        inputs: Option<Arguments<Symbolic>>,
        outputs: Vec<Spec>,
        masks: Vec<Option<Symbolic>>,
    ) -> Vec<Symbolic> {
        Symbolic::all_of(&Node::new(self, inputs, outputs, masks))
    }

    /// What the layer makes where it was called: its one call in a graph.
    ///
    /// # Errors
    /// The layer was called nowhere, or several times.
    pub fn output(&self) -> Result<Symbolic> {
        Ok(Symbolic::all_of(&self.only_node("output")?).swap_remove(0))
    }

    /// What the layer was called on: the first tensor of its one call in a graph.
    ///
    /// # Errors
    /// The layer was called nowhere, or several times, or it is an `Input`.
    pub fn input(&self) -> Result<Symbolic> {
        let node = self.only_node("input")?;
        match node.arguments() {
            Some(arguments) => arguments.first().cloned(),
            None => Ok(Symbolic::all_of(&node).swap_remove(0)),
        }
    }

    fn only_node(&self, what: &str) -> Result<Arc<Node>> {
        let mut nodes = self.nodes();
        match nodes.len() {
            1 => Ok(nodes.swap_remove(0)),
            0 => Err(Error::not_ready(
                format!("{what} of layer `{}`", self.name()),
                "it was not called on a symbolic tensor; call it with `on`",
            )),
            n => Err(Error::argument(
                format!("{what} of layer `{}`", self.name()),
                format!("a layer that was called {n} times"),
                "one call; take the tensor from `nodes()`",
            )),
        }
    }
}

/// `<KerasTensor shape=(None, 3), dtype=float32, layer=dense>`
impl fmt::Debug for Symbolic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dims, dtype) = (self.dims(), self.dtype());
        let layer = self.layer().name();
        write!(
            f,
            "<KerasTensor shape={dims}, dtype={dtype}, layer={layer}>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerExt;
    use crate::layers::{Dense, Embedding, Masking};

    #[test]
    fn a_layer_that_is_called_twice_has_two_nodes_and_one_set_of_weights() {
        let (a, b) = (
            InputLayer::new([4]).symbolic(),
            InputLayer::new([4]).symbolic(),
        );
        let layer = LayerRef::from(Dense::new(3));
        let (y, z) = (layer.on(&a).unwrap(), layer.on(&b).unwrap());
        assert_eq!((y.node().index(), z.node().index()), (0, 1));
        assert_eq!(layer.weights().len(), 2);
        assert!(layer.output().is_err());
        drop(y);
        assert!(layer.output().unwrap().is(&z));
        assert!(layer.input().unwrap().is(&b));
    }

    #[test]
    fn long_chains_are_dropped_without_recursion() {
        let mut x = InputLayer::new([1]).symbolic();
        let layer = LayerRef::from(crate::layers::Identity::new());
        for _ in 0..100_000 {
            let spec = x.spec().clone();
            x = layer
                .record(Some(Arguments::new(&x)), vec![spec], vec![None])
                .swap_remove(0);
        }
        drop(x);
        assert!(layer.output().is_err());
    }

    #[test]
    fn masks_are_tensors_of_the_graph() {
        let words = InputLayer::new([5]).dtype(DType::I32).symbolic();
        let x = Embedding::new(9, 2).mask_zero(true).on(&words).unwrap();
        assert_eq!(x.mask().unwrap().layer().class_name(), "NotEqual");
        let steps = InputLayer::new([5, 2]).symbolic();
        let x = Masking::new().on(&steps).unwrap();
        assert_eq!(x.mask().unwrap().dims().to_string(), "(None, 5)");
        let y = Dense::new(3).on(&x).unwrap();
        assert!(y.mask().unwrap().is(x.mask().unwrap()));
    }

    #[test]
    fn shapes_that_do_not_fit_name_the_layer() {
        let x = InputLayer::new([None, Some(4)]).symbolic();
        let layer = Dense::new(3).name("head");
        layer.on(&x).unwrap();
        let y = InputLayer::new([5]).symbolic();
        let error = layer.on(&y).unwrap_err().to_string();
        assert!(error.contains("head"), "{error}");
    }
}
