//! What a layer is called with where one tensor is not enough.

use keras_tensor::{Error, Result, SmallVec};
use serde_json::Value;
use std::borrow::Cow;

/// One argument of a call.
#[derive(Clone, Debug)]
pub enum Argument<T> {
    /// A tensor.
    One(T),
    /// A list of tensors: what `Add` and `Concatenate` take, or the first states of a recurrent layer.
    List(Vec<T>),
    /// Something that is no tensor: a flag.
    Value(Value),
}

/// The arguments of a call, by position and by name, as Keras's layers take them.
///
/// `T` is `Tensor` when a layer computes, [`crate::Dims`] when it is built, [`crate::Symbolic`] in a graph.
///
/// ```
/// use keras_layers::Arguments;
/// use keras_tensor::ops;
/// let query = ops::ones([2, 4, 8], Default::default())?;
/// let value = ops::ones([2, 6, 8], Default::default())?;
/// let arguments = Arguments::new(query).and(value).flag("use_causal_mask", true);
/// assert_eq!(arguments.tensors().count(), 2);
/// assert!(arguments.is_set("use_causal_mask"));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Arguments<T> {
    positional: SmallVec<[Argument<T>; 1]>,
    named: Vec<(Cow<'static, str>, Argument<T>)>,
}

impl<T> Arguments<T> {
    /// A call with one argument: a tensor, or a list of tensors.
    pub fn new(first: impl Into<Argument<T>>) -> Self {
        Arguments {
            positional: SmallVec::from_iter([first.into()]),
            named: Vec::new(),
        }
    }

    /// One more positional argument.
    pub fn and(mut self, next: impl Into<Argument<T>>) -> Self {
        self.positional.push(next.into());
        self
    }

    /// An argument under its name.
    pub fn named(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Argument<T>>,
    ) -> Self {
        self.named.push((name.into(), value.into()));
        self
    }

    /// A flag under its name.
    pub fn flag(self, name: impl Into<Cow<'static, str>>, set: bool) -> Self {
        self.named(name, Argument::Value(set.into()))
    }

    /// The positional arguments.
    pub fn positional(&self) -> &[Argument<T>] {
        &self.positional
    }

    /// The arguments that were given by name.
    pub fn by_name(&self) -> impl Iterator<Item = (&str, &Argument<T>)> {
        self.named.iter().map(|(name, value)| (&**name, value))
    }

    /// Every tensor, lists taken apart, positional ones first.
    pub fn tensors(&self) -> impl Iterator<Item = &T> {
        let named = self.named.iter().map(|(_, value)| value);
        self.positional.iter().chain(named).flat_map(|argument| {
            let (one, list) = match argument {
                Argument::One(t) => (Some(t), &[][..]),
                Argument::List(all) => (None, &all[..]),
                Argument::Value(_) => (None, &[][..]),
            };
            one.into_iter().chain(list)
        })
    }

    /// The tensors themselves.
    pub fn into_tensors(self) -> impl Iterator<Item = T> {
        let named = self.named.into_iter().map(|(_, value)| value);
        self.positional
            .into_iter()
            .chain(named)
            .flat_map(|argument| match argument {
                Argument::One(t) => vec![t],
                Argument::List(all) => all,
                Argument::Value(_) => Vec::new(),
            })
    }

    /// Takes out an argument that was given by name.
    pub fn take(&mut self, name: &str) -> Option<Argument<T>> {
        let at = self.named.iter().position(|(n, _)| n == name)?;
        Some(self.named.remove(at).1)
    }

    /// The tensors of the first argument, whether it is one or a list.
    pub fn inputs(&self) -> &[T] {
        match self.positional.first() {
            Some(Argument::One(t)) => std::slice::from_ref(t),
            Some(Argument::List(all)) => all,
            _ => &[],
        }
    }

    /// Changes the first tensor.
    pub(crate) fn map_first(&mut self, change: impl FnOnce(T) -> T)
    where
        T: Clone,
    {
        let first = match self.positional.first_mut() {
            Some(Argument::One(t)) => Some(t),
            Some(Argument::List(all)) => all.first_mut(),
            _ => None,
        };
        if let Some(first) = first {
            *first = change(first.clone());
        }
    }

    /// The first tensor.
    ///
    /// # Errors
    /// There is none.
    pub fn first(&self) -> Result<&T> {
        self.inputs().first().ok_or_else(|| {
            Error::argument("inputs", "no tensor", "at least one, as the first argument")
        })
    }

    /// The argument at a position or under a name.
    pub fn get(&self, position: usize, name: &str) -> Option<&Argument<T>> {
        let named = || self.named.iter().find(|(n, _)| n == name);
        self.positional
            .get(position)
            .or_else(|| named().map(|(_, value)| value))
    }

    /// The tensor at a position or under a name, if it was given.
    pub fn tensor(&self, position: usize, name: &str) -> Option<&T> {
        match self.get(position, name)? {
            Argument::One(t) => Some(t),
            Argument::List(all) => all.first(),
            Argument::Value(_) => None,
        }
    }

    /// The tensors at a position or under a name; none if the argument was not given.
    pub fn list(&self, position: usize, name: &str) -> &[T] {
        match self.get(position, name) {
            Some(Argument::One(t)) => std::slice::from_ref(t),
            Some(Argument::List(all)) => all,
            _ => &[],
        }
    }

    /// Whether a flag was given and set.
    pub fn is_set(&self, name: &str) -> bool {
        self.named
            .iter()
            .any(|(n, value)| n == name && matches!(value, Argument::Value(Value::Bool(true))))
    }

    /// The same arguments with something else in the place of each tensor.
    ///
    /// # Errors
    /// The first that `f` gives.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> Result<U>) -> Result<Arguments<U>> {
        let mut one = |argument: &Argument<T>| {
            Ok(match argument {
                Argument::One(t) => Argument::One(f(t)?),
                Argument::List(all) => {
                    Argument::List(all.iter().map(&mut f).collect::<Result<_>>()?)
                }
                Argument::Value(v) => Argument::Value(v.clone()),
            })
        };
        Ok(Arguments {
            positional: self
                .positional
                .iter()
                .map(&mut one)
                .collect::<Result<_>>()?,
            named: self
                .named
                .iter()
                .map(|(name, value)| Ok((name.clone(), one(value)?)))
                .collect::<Result<_>>()?,
        })
    }
}

impl<T> From<T> for Argument<T> {
    fn from(one: T) -> Self {
        Argument::One(one)
    }
}

impl<T: Clone> From<&T> for Argument<T> {
    fn from(one: &T) -> Self {
        Argument::One(one.clone())
    }
}

impl<T> From<Vec<T>> for Argument<T> {
    fn from(list: Vec<T>) -> Self {
        Argument::List(list)
    }
}

impl<T, const N: usize> From<[T; N]> for Argument<T> {
    fn from(list: [T; N]) -> Self {
        Argument::List(list.into())
    }
}

impl<T: Clone, const N: usize> From<[&T; N]> for Argument<T> {
    fn from(list: [&T; N]) -> Self {
        Argument::List(list.into_iter().cloned().collect())
    }
}

impl<T> FromIterator<Argument<T>> for Arguments<T> {
    fn from_iter<I: IntoIterator<Item = Argument<T>>>(positional: I) -> Self {
        Arguments {
            positional: positional.into_iter().collect(),
            named: Vec::new(),
        }
    }
}

impl<T: Clone> From<&T> for Arguments<T> {
    fn from(x: &T) -> Self {
        Arguments::new(x)
    }
}

impl<T: Clone, const N: usize> From<[&T; N]> for Arguments<T> {
    fn from(list: [&T; N]) -> Self {
        Arguments::new(list)
    }
}

impl<T> From<Vec<T>> for Arguments<T> {
    fn from(list: Vec<T>) -> Self {
        Arguments::new(list)
    }
}
