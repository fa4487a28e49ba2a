//! Configs that are read argument by argument.
//!
//! What serde derives keeps every field apart until all have come: a hundred lines a field for the compiler, ten times what
//! an assignment takes. A class that begins with its defaults needs no more than that.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A class whose config is read over its defaults; [`config!`](crate::config) writes it.
pub trait Config {
    /// Sets the argument of this name; one that the class does not have changes nothing.
    ///
    /// # Errors
    /// A value that the argument cannot have.
    fn set(&mut self, argument: &str, value: &Value) -> serde_json::Result<()>;
}

/// The value of an argument.
///
/// # Errors
/// JSON of another type.
pub fn read_argument<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(value)
}

/// A class with the arguments of a config, and its defaults for those that are not there.
///
/// # Errors
/// A value that an argument cannot have: it is named.
pub fn read_config<'de, C: Config + Default, D: Deserializer<'de>>(
    config: D,
) -> Result<C, D::Error> {
    let mut class = C::default();
    read_into(&mut class, config)?;
    Ok(class)
}

fn read_into<'de, D: Deserializer<'de>>(class: &mut dyn Config, config: D) -> Result<(), D::Error> {
    for (name, value) in &Map::<String, Value>::deserialize(config)? {
        let set = class.set(name, value);
        set.map_err(|e| D::Error::custom(format!("{name}: {e}")))?;
    }
    Ok(())
}

/// Reads a class from a config: its fields, which are the arguments that Keras writes.
///
/// A macro, because only it knows the names of the fields.
#[macro_export]
macro_rules! config {
    ($Class:ty { $($field:ident),* $(,)? }) => {
        impl $crate::registry::Config for $Class {
            fn set(
                &mut self,
                argument: &str,
                value: &serde_json::Value,
            ) -> serde_json::Result<()> {
                match argument {
                    $(stringify!($field) => self.$field = $crate::registry::read_argument(value)?,)*
                    _ => {}
                }
                Ok(())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Class {
            fn deserialize<D: serde::Deserializer<'de>>(config: D) -> Result<Self, D::Error> {
                $crate::registry::read_config(config)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq)]
    struct Leaky {
        slope: f64,
        name: Option<String>,
    }
    crate::config! { Leaky { slope, name } }

    #[test]
    fn arguments_are_set_over_the_defaults() {
        let read = |config| Leaky::deserialize(&config);
        let named = read(json!({"name": "a", "of_another_version": [1]})).unwrap();
        let name = Some("a".to_string());
        assert_eq!(named, Leaky { slope: 0.0, name });
        let none = read(json!({"slope": 0.5, "name": null})).unwrap();
        assert_eq!(
            none,
            Leaky {
                slope: 0.5,
                name: None
            }
        );
        let error = read(json!({"slope": "steep"})).unwrap_err().to_string();
        assert!(
            error.starts_with("slope: ") && error.contains("steep"),
            "{error}"
        );
    }
}
