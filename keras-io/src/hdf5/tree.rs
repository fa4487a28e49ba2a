//! What is to be written.

use keras_tensor::Tensor;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// Text: a name, a version, a config.
    Text(String),
    /// A list of texts: the names of layers or of weights.
    Texts(Vec<String>),
}

/// A group that is to be written: attributes, groups and datasets, each in the order in which they were put in.
///
/// ```
/// use keras_io::hdf5::{Group, Tree};
/// use keras_io::Limits;
/// use keras_tensor::Tensor;
/// let mut file = Tree::new();
/// file.group("dense").set_tensor("kernel", Tensor::new(&[1.0f32, 2.0], [2])?);
/// let read = Group::from_bytes(file.to_bytes()?, &Limits::default())?;
/// let kernel = read.group("dense")?.dataset("kernel")?.read()?;
/// assert_eq!(kernel.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) attributes: Vec<(String, Attribute)>,
    pub(super) groups: Vec<(String, Tree)>,
    pub(super) datasets: Vec<(String, Tensor)>,
}

impl Tree {
    /// An empty group.
    pub fn new() -> Self {
        Tree::default()
    }

    /// The group of this name, made if there is none. A path with `/` leads through groups.
    pub fn group(&mut self, path: &str) -> &mut Tree {
        path.split('/')
            .filter(|name| !name.is_empty())
            .fold(self, Tree::child)
    }

    fn child(&mut self, name: &str) -> &mut Tree {
        let found = self.groups.iter().position(|(n, _)| n == name);
        let place = found.unwrap_or_else(|| {
            self.groups.push((name.to_string(), Tree::new()));
            self.groups.len() - 1
        });
        &mut self.groups[place].1
    }

    /// Sets an attribute of text.
    pub fn set_text(&mut self, name: &str, text: impl Into<String>) {
        self.set(name, Attribute::Text(text.into()));
    }

    /// Sets an attribute that is a list of texts.
    pub fn set_texts(&mut self, name: &str, texts: Vec<String>) {
        self.set(name, Attribute::Texts(texts));
    }

    fn set(&mut self, name: &str, value: Attribute) {
        self.attributes.retain(|(n, _)| n != name);
        self.attributes.push((name.to_string(), value));
    }

    /// Puts a tensor in; a path with `/` leads through groups.
    pub fn set_tensor(&mut self, path: &str, tensor: Tensor) {
        let (group, name) = match path.rsplit_once('/') {
            Some((before, name)) => (self.group(before), name),
            None => (self, path),
        };
        group.datasets.retain(|(n, _)| n != name);
        group.datasets.push((name.to_string(), tensor));
    }

    /// Visits every dataset with the path of its group, groups first in the order in which they were put in.
    pub(crate) fn visit(
        &self,
        visit: &mut dyn FnMut(&str, &Tree, &str, &Tensor) -> keras_tensor::Result<()>,
    ) -> keras_tensor::Result<()> {
        self.visit_at("", visit)
    }

    fn visit_at(
        &self,
        path: &str,
        visit: &mut dyn FnMut(&str, &Tree, &str, &Tensor) -> keras_tensor::Result<()>,
    ) -> keras_tensor::Result<()> {
        for (name, tensor) in &self.datasets {
            visit(path, self, name, tensor)?;
        }
        for (name, tree) in &self.groups {
            tree.visit_at(&format!("{path}/{name}"), visit)?;
        }
        Ok(())
    }

    /// Takes over the attributes of another group.
    pub(crate) fn set_attributes_of(&mut self, other: &Tree) {
        self.attributes.clone_from(&other.attributes);
    }
}
