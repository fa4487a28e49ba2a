use keras_tensor::{Error, Result, SmallVec};

/// The inputs, the outputs or the targets of a model: one, a list, or a map by name.
///
/// ```
/// use keras_datasets::Structure;
/// let weights: Structure<f64> = [("price", 1.0), ("sold", 0.5)].into();
/// assert_eq!(weights.iter().sum::<f64>(), 1.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Structure<T> {
    /// One.
    One(T),
    /// Several, in an order.
    List(Vec<T>),
    /// Several under names.
    Map(Vec<(String, T)>),
}

impl<T> Structure<T> {
    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, list, map) = match self {
            Structure::One(t) => (Some(t), &[][..], &[][..]),
            Structure::List(all) => (None, &all[..], &[][..]),
            Structure::Map(all) => (None, &[][..], &all[..]),
        };
        let map = map.iter().map(|(_, t)| t);
        one.into_iter().chain(list).chain(map)
    }

    /// The first one.
    ///
    /// # Errors
    /// There is none.
    pub fn first(&self) -> Result<&T> {
        let none = || Error::data("a list of tensors", "it is empty; at least one is wanted");
        self.iter().next().ok_or_else(none)
    }

    /// The one that there is.
    ///
    /// # Errors
    /// There are several, or none.
    pub fn one(&self) -> Result<&T> {
        let mut all = self.iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Error::data(
                "a batch",
                "it has several tensors where one is wanted",
            )),
        }
    }

    /// The same structure of something else.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> Structure<U> {
        match self {
            Structure::One(t) => Structure::One(f(t)),
            Structure::List(all) => Structure::List(all.iter().map(f).collect()),
            Structure::Map(all) => {
                Structure::Map(all.iter().map(|(n, t)| (n.clone(), f(t))).collect())
            }
        }
    }

    /// [`Structure::map`] with work that can fail.
    ///
    /// # Errors
    /// The first that `f` gives.
    pub fn try_map<U>(&self, mut f: impl FnMut(&T) -> Result<U>) -> Result<Structure<U>> {
        Ok(match self {
            Structure::One(t) => Structure::One(f(t)?),
            Structure::List(all) => Structure::List(all.iter().map(f).collect::<Result<_>>()?),
            Structure::Map(all) => {
                let named = all.iter().map(|(n, t)| Ok((n.clone(), f(t)?)));
                Structure::Map(named.collect::<Result<_>>()?)
            }
        })
    }

    /// What stands for each of `names`, which are told in their order where nothing is told by name.
    ///
    /// One stands for all of them; `None` is what a map does not name.
    ///
    /// # Errors
    /// A list of another length, a name that is not among `names`; the message begins with `what`.
    pub fn each<'a>(&'a self, what: &str, names: &Names<'_>) -> Result<Each<'a, T>> {
        let misfit = |got: String| Error::argument(what, got, names.wanted());
        match self {
            Structure::One(t) => Ok((0..names.count).map(|_| Some(t)).collect()),
            Structure::List(all) if all.len() == names.count => Ok(all.iter().map(Some).collect()),
            Structure::List(all) => Err(misfit(format!("a list of {}", all.len()))),
            Structure::Map(all) => {
                let known = |name: &String| names.names.contains(name);
                if let Some((name, _)) = all.iter().find(|(name, _)| !known(name)) {
                    return Err(misfit(format!("{name:?}")));
                }
                let find = |name: &String| all.iter().find(|(n, _)| n == name).map(|(_, t)| t);
                Ok(names.names.iter().map(find).collect())
            }
        }
    }
}

/// For each of some names, what stands for it.
pub type Each<'a, T> = SmallVec<[Option<&'a T>; 3]>;

/// How many there are, and how they are called if they have names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// How many.
    pub count: usize,
    /// The names; none where there are no names.
    pub names: &'a [String],
}

impl Names<'_> {
    fn wanted(&self) -> String {
        match self.names {
            [] => format!(
                "a list of {}, because the outputs have no names",
                self.count
            ),
            names => format!("one for each of {}", names.join(", ")),
        }
    }
}

impl<T> From<T> for Structure<T> {
    fn from(one: T) -> Self {
        Structure::One(one)
    }
}

impl<T: Clone> From<&T> for Structure<T> {
    fn from(one: &T) -> Self {
        Structure::One(one.clone())
    }
}

impl<T> From<Vec<T>> for Structure<T> {
    fn from(list: Vec<T>) -> Self {
        Structure::List(list)
    }
}

impl<T, const N: usize> From<[T; N]> for Structure<T> {
    fn from(list: [T; N]) -> Self {
        Structure::List(list.into())
    }
}

impl<T: Clone, const N: usize> From<[&T; N]> for Structure<T> {
    fn from(list: [&T; N]) -> Self {
        Structure::List(list.into_iter().cloned().collect())
    }
}

impl<T, const N: usize> From<[(&str, T); N]> for Structure<T> {
    fn from(map: [(&str, T); N]) -> Self {
        Structure::Map(map.into_iter().map(|(n, t)| (n.to_string(), t)).collect())
    }
}

impl<T: Clone, const N: usize> From<[(&str, &T); N]> for Structure<T> {
    fn from(map: [(&str, &T); N]) -> Self {
        let named = map.into_iter().map(|(n, t)| (n.to_string(), t.clone()));
        Structure::Map(named.collect())
    }
}

impl<T: Clone> From<&Structure<T>> for Structure<T> {
    fn from(structure: &Structure<T>) -> Self {
        structure.clone()
    }
}

/// The outputs of a layer.
impl<T> From<SmallVec<[T; 3]>> for Structure<T> {
    fn from(mut all: SmallVec<[T; 3]>) -> Self {
        match all.len() {
            1 => Structure::One(all.swap_remove(0)),
            _ => Structure::List(all.into_vec()),
        }
    }
}
