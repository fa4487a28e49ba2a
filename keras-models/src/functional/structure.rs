use keras_layers::Symbolic;

/// The inputs or the outputs of a model: one, a list, or a map by name.
#[derive(Clone, Debug)]
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
}

impl From<Symbolic> for Structure<Symbolic> {
    fn from(one: Symbolic) -> Self {
        Structure::One(one)
    }
}

impl From<&Symbolic> for Structure<Symbolic> {
    fn from(one: &Symbolic) -> Self {
        Structure::One(one.clone())
    }
}

impl From<Vec<Symbolic>> for Structure<Symbolic> {
    fn from(list: Vec<Symbolic>) -> Self {
        Structure::List(list)
    }
}

impl<const N: usize> From<[&Symbolic; N]> for Structure<Symbolic> {
    fn from(list: [&Symbolic; N]) -> Self {
        Structure::List(list.into_iter().cloned().collect())
    }
}

impl<const N: usize> From<[(&str, &Symbolic); N]> for Structure<Symbolic> {
    fn from(map: [(&str, &Symbolic); N]) -> Self {
        let named = map.into_iter().map(|(n, t)| (n.to_string(), t.clone()));
        Structure::Map(named.collect())
    }
}

impl<T: Clone> From<&Structure<T>> for Structure<T> {
    fn from(structure: &Structure<T>) -> Self {
        structure.clone()
    }
}
