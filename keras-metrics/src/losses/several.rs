use super::{Loss, LossFunction};
use std::sync::Arc;

/// The losses of a model: one for all its outputs, one for each in their order, or one for each by name.
///
/// `None` is an output that training does not look at.
///
/// ```
/// use keras_metrics::losses::{Huber, Loss, Losses};
/// let one = Losses::from("mse");
/// let each = Losses::from(["mse", "mae"]);
/// let named = Losses::from([("price", Loss::from(Huber::new())), ("sold", "bce".into())]);
/// let some = Losses::from([Some(Loss::from("mse")), None]);
/// ```
#[derive(Clone, Debug)]
pub enum Losses {
    /// The same for each output.
    One(Loss),
    /// In the order of the outputs.
    List(Vec<Option<Loss>>),
    /// By the names of the outputs.
    Map(Vec<(String, Option<Loss>)>),
}

impl Losses {
    /// All that are given.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        let (one, list, map) = match self {
            Losses::One(loss) => (Some(loss), &[][..], &[][..]),
            Losses::List(all) => (None, &all[..], &[][..]),
            Losses::Map(all) => (None, &[][..], &all[..]),
        };
        let map = map.iter().filter_map(|(_, loss)| loss.as_ref());
        one.into_iter().chain(list.iter().flatten()).chain(map)
    }
}

impl From<&str> for Losses {
    fn from(name: &str) -> Self {
        Losses::One(name.into())
    }
}

impl From<Loss> for Losses {
    fn from(loss: Loss) -> Self {
        Losses::One(loss)
    }
}

impl<L: LossFunction> From<L> for Losses {
    fn from(loss: L) -> Self {
        Losses::One(loss.into())
    }
}

impl From<Arc<dyn LossFunction>> for Losses {
    fn from(loss: Arc<dyn LossFunction>) -> Self {
        Losses::One(loss.into())
    }
}

impl<L: Into<Loss>, const N: usize> From<[L; N]> for Losses {
    fn from(list: [L; N]) -> Self {
        Losses::List(list.into_iter().map(|l| Some(l.into())).collect())
    }
}

impl<const N: usize> From<[Option<Loss>; N]> for Losses {
    fn from(list: [Option<Loss>; N]) -> Self {
        Losses::List(list.into())
    }
}

impl<L: Into<Loss>, const N: usize> From<[(&str, L); N]> for Losses {
    fn from(map: [(&str, L); N]) -> Self {
        let named = map.into_iter().map(|(n, l)| (n.into(), Some(l.into())));
        Losses::Map(named.collect())
    }
}

impl<const N: usize> From<[(&str, Option<Loss>); N]> for Losses {
    fn from(map: [(&str, Option<Loss>); N]) -> Self {
        Losses::Map(map.into_iter().map(|(n, l)| (n.into(), l)).collect())
    }
}
