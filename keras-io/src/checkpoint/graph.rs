//! The graph of objects that a checkpoint holds beside its tensors: which object has which part under which name.

use keras_tensor::Result;

use crate::Limits;
use crate::limits::format_error;
use crate::protobuf::{Message, Writer};

/// The key of the graph in a checkpoint.
pub(crate) const KEY: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";
const VALUE: &str = "VARIABLE_VALUE";

/// The objects; the first is the one that was saved.
#[derive(Debug, Default)]
pub(crate) struct ObjectGraph {
    pub(crate) nodes: Vec<Node>,
}

/// An object.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Its parts by name. A part can be the object itself, or one that is met elsewhere too.
    pub(crate) children: Vec<(String, usize)>,
    /// Where its value is, if it is a variable: the name of the variable, and the key of the tensor.
    pub(crate) value: Option<(String, String)>,
    /// What an optimizer of Keras before 2.11 keeps of variables: the variable, the name of the slot, and the slot.
    pub(crate) slots: Vec<(usize, String, usize)>,
}

impl ObjectGraph {
    /// # Errors
    /// Damaged bytes, or parts that are no objects of the graph.
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Self> {
        const WHAT: &str = "the object graph of a checkpoint";
        let mut nodes = Vec::new();
        for node in Message::new(WHAT, bytes).messages(1) {
            nodes.push(Node::read(node?)?);
            if nodes.len() > limits.nodes {
                return Err(format_error(WHAT, "more objects than the limit allows"));
            }
        }
        let count = nodes.len();
        let is_outside = |n: &Node| {
            let children = n.children.iter().map(|(_, id)| *id);
            let slots = n.slots.iter().flat_map(|(of, _, slot)| [*of, *slot]);
            children.chain(slots).any(|id| id >= count)
        };
        if count == 0 || nodes.iter().any(is_outside) {
            return Err(format_error(WHAT, "a part that is no object of it"));
        }
        Ok(ObjectGraph { nodes })
    }

    /// The part of an object under this name.
    pub(crate) fn child(&self, node: usize, name: &str) -> Option<usize> {
        let mut children = self.nodes[node].children.iter();
        children.find(|(own, _)| own == name).map(|(_, id)| *id)
    }

    /// The key of the value of an object that is a variable.
    pub(crate) fn key(&self, node: usize) -> Option<&str> {
        self.nodes[node].value.as_ref().map(|(_, key)| &**key)
    }

    /// The values of a list in its order.
    pub(crate) fn list(&self, node: usize) -> Vec<usize> {
        (0..)
            .map_while(|i: usize| self.child(node, &i.to_string()))
            .collect()
    }

    pub(crate) fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The part of an object under this name, which is made if there is none.
    pub(crate) fn part(&mut self, node: usize, name: &str) -> usize {
        if let Some(known) = self.child(node, name) {
            return known;
        }
        let made = self.add(Node::default());
        self.nodes[node].children.push((name.to_string(), made));
        made
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let nodes = self.nodes.iter().map(Node::write);
        Writer::new().messages(1, nodes).finish()
    }
}

impl Node {
    fn read(message: Message<'_>) -> Result<Self> {
        let mut node = Node::default();
        for child in message.messages(1) {
            let child = child?;
            let id = child.number(1)? as usize;
            node.children.push((child.text(2)?.to_string(), id));
        }
        for attribute in message.messages(2) {
            let attribute = attribute?;
            if attribute.text(1)? == VALUE {
                let (name, key) = (attribute.text(2)?, attribute.text(3)?);
                node.value = Some((name.to_string(), key.to_string()));
            }
        }
        for slot in message.messages(3) {
            let slot = slot?;
            let (of, id) = (slot.number(1)? as usize, slot.number(3)? as usize);
            node.slots.push((of, slot.text(2)?.to_string(), id));
        }
        Ok(node)
    }

    fn write(&self) -> Writer {
        let children = self
            .children
            .iter()
            .map(|(name, id)| Writer::new().number(1, *id as u64).text(2, name));
        let value = self
            .value
            .iter()
            .map(|(name, key)| Writer::new().text(1, VALUE).text(2, name).text(3, key));
        Writer::new().messages(1, children).messages(2, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_come_back() {
        let mut graph = ObjectGraph::default();
        graph.add(Node::default());
        let value = Some(("dense/kernel".to_string(), "kernel/V".to_string()));
        let kernel = graph.add(Node {
            value,
            ..Node::default()
        });
        graph.nodes[0].children.push(("0".into(), kernel));
        let read = ObjectGraph::read(&graph.to_bytes(), &Limits::default()).unwrap();
        assert_eq!(read.child(0, "0"), Some(kernel));
        assert_eq!(read.key(kernel), Some("kernel/V"));
        assert_eq!(read.list(0), [kernel]);
        graph.nodes[0].children.push(("1".into(), 7));
        assert!(ObjectGraph::read(&graph.to_bytes(), &Limits::default()).is_err());
        assert!(ObjectGraph::read(&[], &Limits::default()).is_err());
    }
}
