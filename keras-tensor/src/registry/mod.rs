//! Families of things that Keras knows by name: initializers, losses, optimizers, ...
//!
//! A family is a trait, a plain table of entries, and a newtype over [`Setting`] that its crate declares with
//! [`family!`](crate::family). Wherever Keras takes a string or an object, functions here take `impl Into<Newtype>`.
//! A string that names nothing is an error where the setting is first used, with the nearest known name.

mod config;
pub mod keras2;

pub use config::{Config, read_argument, read_config};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::any::Any;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use crate::{Error, Result};

/// One member of a family.
pub struct Entry<T: ?Sized + 'static> {
    /// Keras's class or function name: `"GlorotUniform"`.
    pub class_name: &'static str,
    /// Further strings that name it, besides the class name and its snake case.
    pub aliases: &'static [&'static str],
    /// Makes it from its config.
    pub load: fn(&Value) -> Result<Arc<T>>,
    /// Its config, if the value is of this class.
    pub save: fn(&T) -> Option<Result<Value>>,
}

/// A trait whose implementations Keras knows by name.
pub trait Family: 'static {
    /// What a member is called in errors: `"initializer"`.
    const NAME: &'static str;
    /// The Keras module: `"keras.initializers"`.
    const MODULE: &'static str;
    /// The tables of members, one a folder.
    fn tables() -> &'static [&'static [Entry<Self>]];
}

/// Reads a member's config; used by the tables.
///
/// # Errors
/// A config that does not fit the class.
pub fn from_config<C: DeserializeOwned>(class_name: &str, config: &Value) -> Result<C> {
    C::deserialize(arguments(class_name, config)?).map_err(|e| unfit(class_name, &e))
}

/// The arguments that a config holds; they come as a map, since a class that could be read from any JSON would be compiled for
/// lists, too.
fn arguments<'a>(class_name: &str, config: &'a Value) -> Result<&'a Map<String, Value>> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    match config {
        Value::Null => Ok(&NONE),
        Value::Object(arguments) => Ok(arguments),
        other => Err(unfit(class_name, &format!("{other} is no object"))),
    }
}

fn unfit(class_name: &str, problem: &dyn fmt::Display) -> Error {
    Error::Format {
        what: format!("config of {class_name}"),
        problem: problem.to_string(),
    }
}

/// The config of a value if it is a `C`; used by the tables.
pub fn to_config<C: Serialize + 'static>(value: &dyn Any) -> Option<Result<Value>> {
    let config = serde_json::to_value(value.downcast_ref::<C>()?);
    Some(written(std::any::type_name::<C>(), config))
}

fn written(class_name: &str, config: serde_json::Result<Value>) -> Result<Value> {
    config.map_err(|e| unfit(class_name, &e))
}

/// A member of a family, given as a value or by name.
pub enum Setting<T: ?Sized> {
    /// A value.
    Value(Arc<T>),
    /// A name that is looked up when the setting is used.
    Named(String),
}

impl<T: ?Sized> Clone for Setting<T> {
    fn clone(&self) -> Self {
        match self {
            Setting::Value(v) => Setting::Value(v.clone()),
            Setting::Named(n) => Setting::Named(n.clone()),
        }
    }
}

impl<T: ?Sized + Family> Setting<T> {
    /// The member.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn resolve(&self) -> Result<Arc<T>> {
        match self {
            Setting::Value(v) => Ok(v.clone()),
            Setting::Named(name) => (by_name::<T>(name)?.load)(&Value::Null),
        }
    }

    /// The member as Keras writes it: `{"module", "class_name", "config", "registered_name"}`.
    ///
    /// # Errors
    /// The value is of a class that no table holds.
    pub fn to_json(&self) -> Result<Value> {
        let value = self.resolve()?;
        let saved = save::<T>(&*value).ok_or_else(|| {
            Error::data(
                format!("a custom {}", T::NAME),
                "it is in no table, so it cannot be written to a config; register its class",
            )
        })?;
        let module = saved.registered_name.is_none().then_some(T::MODULE);
        let mut json = json!({
            "module": module,
            "class_name": saved.class_name,
            "config": saved.config?,
            "registered_name": saved.registered_name,
        });
        keras2::set_beside(&mut json);
        Ok(json)
    }

    /// The member that Keras wrote as a name or as an object.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        match json {
            Value::String(name) => Ok(Setting::Named(name.clone())),
            Value::Object(o) => {
                let text = |key: &str| o.get(key).and_then(Value::as_str).unwrap_or_default();
                let entry = find::<T>(text("class_name"), text("registered_name"))?;
                Ok(Setting::Value((entry.load)(&keras2::config_of(json))?))
            }
            other => Err(Error::argument(
                T::NAME,
                other,
                "a name, or an object with class_name and config",
            )),
        }
    }
}

/// A class that another crate or a user added to a family.
#[derive(Clone)]
struct Added {
    registered_name: String,
    entry: &'static (dyn Any + Send + Sync),
}

/// Classes that were added, for the rest of the process.
static ADDED: RwLock<Vec<Added>> = RwLock::new(Vec::new());

/// Adds a class to a family under its registered name: `"my_package>MyDense"`, or the class name alone for a class of
/// Keras. Once more with the same name changes nothing.
pub fn register<T: ?Sized + Family>(
    registered_name: &str,
    entry: impl FnOnce(&'static str) -> Entry<T>,
) {
    let mut all = ADDED.write().unwrap_or_else(PoisonError::into_inner);
    let is_known = |a: &Added| a.registered_name == registered_name && a.entry.is::<Entry<T>>();
    if !all.iter().any(is_known) {
        let class_name = registered_name.rsplit('>').next().unwrap_or_default();
        let class_name: &'static str = class_name.to_string().leak();
        all.push(Added {
            registered_name: registered_name.to_string(),
            entry: Box::leak(Box::new(entry(class_name))),
        });
    }
}

fn added<T: ?Sized + Family>() -> Vec<(String, &'static Entry<T>)> {
    let all = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    let of_family = |a: &Added| Some((a.registered_name.clone(), a.entry.downcast_ref()?));
    all.iter().filter_map(of_family).collect()
}

fn entries<T: ?Sized + Family>() -> impl Iterator<Item = &'static Entry<T>> {
    let added = added::<T>().into_iter().map(|(_, entry)| entry);
    T::tables().iter().flat_map(|t| t.iter()).chain(added)
}

/// What a config holds of a member.
pub struct Saved {
    /// The class.
    pub class_name: &'static str,
    /// Its arguments.
    pub config: Result<Value>,
    /// The name that a user registered the class under: `"my_package>MyDense"`.
    pub registered_name: Option<String>,
}

/// The class and the config of a value, if a table holds its class.
pub fn save<T: ?Sized + Family>(value: &T) -> Option<Saved> {
    let own = T::tables().iter().flat_map(|t| t.iter());
    let own = own.map(|entry| (None, entry));
    let added = added::<T>().into_iter();
    let added = added.map(|(name, entry)| (Some(name).filter(|n| n.contains('>')), entry));
    own.chain(added).find_map(|(registered_name, entry)| {
        Some(Saved {
            class_name: entry.class_name,
            config: (entry.save)(value)?,
            registered_name,
        })
    })
}

/// The entry of a class, looked up under its registered name first.
///
/// # Errors
/// No entry has one of the names.
pub fn find<T: ?Sized + Family>(
    class_name: &str,
    registered_name: &str,
) -> Result<&'static Entry<T>> {
    let mut added = added::<T>().into_iter();
    match added.find(|(name, _)| name == registered_name) {
        Some((_, entry)) => Ok(entry),
        None => by_name(class_name),
    }
}

/// The entry that a string names: the class name, its snake case, or an alias, capitals aside.
///
/// # Errors
/// No entry has the name.
pub fn by_name<T: ?Sized + Family>(name: &str) -> Result<&'static Entry<T>> {
    let wanted = name.to_lowercase();
    entries::<T>()
        .find(|e| {
            e.class_name.to_lowercase() == wanted
                || snake_case(e.class_name) == wanted
                || e.aliases.contains(&wanted.as_str())
        })
        .ok_or_else(|| {
            let known = entries::<T>().flat_map(|e| {
                std::iter::once(snake_case(e.class_name))
                    .chain(e.aliases.iter().map(ToString::to_string))
            });
            unknown(T::NAME, name, known)
        })
}

/// The error for a name that a family does not have.
pub fn unknown(family: &str, got: &str, known: impl IntoIterator<Item = impl AsRef<str>>) -> Error {
    let nearest = known
        .into_iter()
        .map(|name| {
            let name = name.as_ref().to_string();
            (distance(&got.to_lowercase(), &name.to_lowercase()), name)
        })
        .min()
        .filter(|(d, name)| *d <= name.len().div_ceil(3).max(2))
        .map(|(_, name)| name);
    Error::Unknown {
        family: family.to_string(),
        got: got.to_string(),
        nearest,
    }
}

/// How many letters must be put in, taken out, changed or swapped with a neighbour to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(rows[i - 2][j - 2] + 1);
                    }
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

/// A class name in Keras's snake case: `BatchNormalization` is `batch_normalization`, `ReLU` is `re_lu`.
pub fn snake_case(class_name: &str) -> String {
    let letters: Vec<char> = class_name
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    // Keras's two patterns, one after the other: a capital that lower letters follow, then a capital after a lower one.
    let mut first = Vec::new();
    for (i, &c) in letters.iter().enumerate() {
        let word =
            c.is_ascii_uppercase() && letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if word && i > 0 {
            first.push('_');
        }
        first.push(c);
    }
    let mut out = String::new();
    for (i, &c) in first.iter().enumerate() {
        if c.is_ascii_uppercase() && i > 0 && first[i - 1].is_ascii_lowercase() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

impl<T: ?Sized + Family> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_json()
            .map_err(serde::ser::Error::custom)?
            .serialize(s)
    }
}

impl<'de, T: ?Sized + Family> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(d)?;
        Setting::from_json(&json).map_err(serde::de::Error::custom)
    }
}

impl<T: ?Sized + Family> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.to_json()) {
            (Setting::Named(name), _) => write!(f, "{name:?}"),
            (_, Ok(json)) => write!(f, "{}({})", json["class_name"], json["config"]),
            (_, Err(_)) => write!(f, "<custom {}>", T::NAME),
        }
    }
}

/// Declares the newtype of a family, and what can be made into it: members, names, and clones.
///
/// A macro, because the orphan rules let only the family's own crate write these implementations.
#[macro_export]
macro_rules! family {
    ($(#[$doc:meta])* $newtype:ident of $member:ident, $name:literal, $module:literal, $tables:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $newtype($crate::registry::Setting<dyn $member>);

        impl $crate::registry::Family for dyn $member {
            const NAME: &'static str = $name;
            const MODULE: &'static str = $module;
            fn tables() -> &'static [&'static [$crate::registry::Entry<Self>]] {
                $tables
            }
        }

        impl $newtype {
            /// The member that was given or named.
            ///
            /// # Errors
            /// The name is unknown.
            pub fn resolve(&self) -> $crate::Result<std::sync::Arc<dyn $member>> {
                self.0.resolve()
            }

            /// The name, where it was given by name.
            pub fn given_name(&self) -> Option<&str> {
                match &self.0 {
                    $crate::registry::Setting::Named(name) => Some(name),
                    $crate::registry::Setting::Value(_) => None,
                }
            }

            /// As Keras writes it to a config.
            ///
            /// # Errors
            /// A class that no table holds.
            pub fn to_json(&self) -> $crate::Result<serde_json::Value> {
                self.0.to_json()
            }

            /// From what Keras wrote to a config.
            ///
            /// # Errors
            /// An unknown class, or a config that does not fit it.
            pub fn from_json(json: &serde_json::Value) -> $crate::Result<Self> {
                $crate::registry::Setting::from_json(json).map(Self)
            }
        }

        impl<C: $member> From<C> for $newtype {
            fn from(value: C) -> Self {
                Self($crate::registry::Setting::Value(std::sync::Arc::new(value)))
            }
        }

        impl From<std::sync::Arc<dyn $member>> for $newtype {
            fn from(value: std::sync::Arc<dyn $member>) -> Self {
                Self($crate::registry::Setting::Value(value))
            }
        }

        impl From<&str> for $newtype {
            fn from(name: &str) -> Self {
                Self($crate::registry::Setting::Named(name.to_string()))
            }
        }

        impl From<&$newtype> for $newtype {
            fn from(value: &$newtype) -> Self {
                value.clone()
            }
        }

        /// An entry of the family's table.
        pub(crate) const fn entry<C>(
            class_name: &'static str,
            aliases: &'static [&'static str],
        ) -> $crate::registry::Entry<dyn $member>
        where
            C: $member + serde::Serialize + serde::de::DeserializeOwned,
        {
            $crate::registry::Entry {
                class_name,
                aliases,
                load: |config| {
                    let value: C = $crate::registry::from_config(std::any::type_name::<C>(), config)?;
                    Ok(std::sync::Arc::new(value))
                },
                save: |value| $crate::registry::to_config::<C>(value as &dyn std::any::Any),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_is_keras_s() {
        for (class, snake) in [
            ("Dense", "dense"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("PReLU", "p_re_lu"),
            ("BatchNormalization", "batch_normalization"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("MyDense", "my_dense"),
            ("RMSprop", "rm_sprop"),
            ("LSTM", "lstm"),
            ("MaxPooling2D", "max_pooling2d"),
            ("AUC", "auc"),
        ] {
            assert_eq!(snake_case(class), snake);
        }
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["adam", "adamw", "sgd"];
        let message = |got| unknown("optimizer", got, known).to_string();
        assert_eq!(
            message("addam"),
            "unknown optimizer \"addam\"; did you mean \"adam\"?"
        );
        assert_eq!(message("something"), "unknown optimizer \"something\"");
    }
}
