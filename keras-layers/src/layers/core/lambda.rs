use keras_tensor::{Error, Outputs, Result, Tensor};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::{Arguments, Call, Layer};

type Function = Arc<dyn Fn(&[Tensor]) -> Result<Tensor> + Send + Sync>;

/// Functions under names, for the process: what a config can name.
fn registered() -> &'static RwLock<HashMap<String, Function>> {
    static REGISTERED: OnceLock<RwLock<HashMap<String, Function>>> = OnceLock::new();
    REGISTERED.get_or_init(RwLock::default)
}

/// A function of tensors as a layer; it has no weights.
///
/// A config holds the name of the function, never code: what is to be saved is [registered](Lambda::register) under a
/// name before, and so is what is to be loaded. Code that Keras wrote into a file is never run.
///
/// ```
/// use keras_layers::{Call, LayerRef, layers::Lambda};
/// use keras_tensor::ops;
/// let layer = LayerRef::from(Lambda::new(|x| ops::square(x)));
/// let y = layer.call(&ops::full([2], 3.0, Default::default())?, &Call::inference())?;
/// assert_eq!(y.to_string(), "[9 9]");
///
/// Lambda::register("half", |x| ops::divide(&x[0], 2.0));
/// let json = LayerRef::from(Lambda::named("half")?).to_json()?;
/// assert_eq!(json["config"]["function"]["config"], "half");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Lambda {
    function: Function,
    name: Option<String>,
    /// What Keras infers shapes from; kept for it.
    output_shape: Option<Value>,
}

impl Lambda {
    /// A function of one tensor.
    pub fn new(function: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Self {
        Lambda::many(move |x| match x {
            [one] => function(one),
            several => {
                let shapes: Vec<&[usize]> = several.iter().map(|x| &x.shape()[..]).collect();
                Err(Error::shape("lambda", &shapes, "one tensor"))
            }
        })
    }

    /// A function of a list of tensors.
    pub fn many(function: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static) -> Self {
        Lambda {
            function: Arc::new(function),
            name: None,
            output_shape: None,
        }
    }

    /// The function that is registered under a name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self> {
        let all = registered().read().unwrap_or_else(PoisonError::into_inner);
        let function = all.get(name).ok_or_else(|| {
            let wanted = "a function that Lambda::register has put under its name before";
            Error::argument("function", format!("{name:?}"), wanted)
        })?;
        Ok(Lambda {
            function: function.clone(),
            name: Some(name.to_string()),
            output_shape: None,
        })
    }

    /// Puts a function of a list of tensors under a name, for the process; an earlier one of that name is replaced.
    pub fn register(
        name: &str,
        function: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    ) {
        let mut all = registered().write().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_string(), Arc::new(function));
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lambda({})", self.name.as_deref().unwrap_or("a closure"))
    }
}

impl Serialize for Lambda {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        let name = self.name.as_ref().ok_or_else(|| {
            serde::ser::Error::custom(
                "a closure cannot be saved; put it under a name with Lambda::register and use Lambda::named",
            )
        })?;
        let function = json!({
            "module": "builtins",
            "class_name": "function",
            "config": name,
            "registered_name": "function",
        });
        let mut config = Map::new();
        config.insert("function".into(), function);
        if let Some(shape) = &self.output_shape {
            config.insert("output_shape".into(), shape.clone());
        }
        config.insert("arguments".into(), json!({}));
        config.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Lambda {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let config = Map::<String, Value>::deserialize(d)?;
        let function = config.get("function").unwrap_or(&Value::Null);
        let name = match function {
            Value::String(name) => name,
            Value::Object(o) => match &o.get("config") {
                Some(Value::String(name)) => name,
                _ => {
                    return Err(D::Error::custom(
                        "the function is Python code, which is never run; save a named function instead",
                    ));
                }
            },
            other => return Err(D::Error::custom(format!("{other} is no function's name"))),
        };
        let arguments = config.get("arguments").and_then(Value::as_object);
        if arguments.is_some_and(|a| !a.is_empty()) {
            return Err(D::Error::custom(
                "a registered function takes no arguments; capture them in the closure",
            ));
        }
        let mut lambda = Lambda::named(name).map_err(D::Error::custom)?;
        lambda.output_shape = config.get("output_shape").filter(|v| !v.is_null()).cloned();
        Ok(lambda)
    }
}

impl Layer for Lambda {
    fn is_weightless(&self) -> bool {
        true
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        (self.function)(std::slice::from_ref(x))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, _: &Call) -> Result<Outputs> {
        let y = (self.function)(inputs.inputs())?;
        Ok(Outputs::from_iter([y.with_mask(None)]))
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerRef;
    use keras_tensor::ops;

    #[test]
    fn configs_hold_names_and_never_code() {
        let closure = LayerRef::from(Lambda::new(|x| ops::relu(x)));
        assert!(closure.to_json().is_err());
        let code = json!({"class_name": "Lambda", "config": {"name": "l", "function": {
            "class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": null, "closure": null}}}});
        let error = LayerRef::from_json(&code).unwrap_err().to_string();
        assert!(error.contains("never run"), "{error}");
        let unknown =
            json!({"class_name": "Lambda", "config": {"name": "l", "function": "no such"}});
        let error = LayerRef::from_json(&unknown).unwrap_err().to_string();
        assert!(error.contains("Lambda::register"), "{error}");
    }

    #[test]
    fn several_tensors_go_to_one_function() {
        let layer = LayerRef::from(Lambda::many(|x| ops::multiply(&x[0], &x[1])));
        let x = ops::full([2], 3.0, Default::default()).unwrap();
        let y = layer.call_many(Arguments::new([&x, &x]), &Call::inference());
        assert_eq!(y.unwrap()[0].to_string(), "[9 9]");
    }
}
