//! Layers as Keras writes them.

use keras_tensor::registry::{self, keras2};
use keras_tensor::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::LayerRef;
use crate::operations::Operation;
use crate::{DTypePolicy, Layer, names};

impl LayerRef {
    /// The layer as Keras writes it: `{"module", "class_name", "config", "registered_name"}`.
    ///
    /// # Errors
    /// A class that no table holds.
    pub fn to_json(&self) -> Result<Value> {
        if let Some(operation) = self.downcast_ref::<Operation>() {
            return Ok(operation.to_json(self.name()));
        }
        let saved = registry::save::<dyn Layer>(&*self.0.layer).ok_or_else(|| {
            Error::data(
                format!("layer `{}`", self.name()),
                format!(
                    "its class {} is in no table, so it has no config; derive Serialize and Deserialize for it and register it",
                    self.class_name()
                ),
            )
        })?;
        let mut config = Map::new();
        config.insert("name".into(), self.name().into());
        config.insert("trainable".into(), self.trainable().into());
        config.insert("dtype".into(), self.0.policy.to_json());
        let written = self.0.layer.base_keys();
        config.retain(|key, _| written.contains(&key.as_str()));
        if let Value::Object(own) = saved.config? {
            config.extend(own);
        }
        if let Some(adapter) = self.adapter() {
            adapter.write(&mut config);
        }
        // Keras tells the name of classes that it does not export, and no module of those that users registered.
        let module = self.0.layer.module();
        let hidden = module.starts_with("keras.src.");
        let registered_name = saved.registered_name.as_deref();
        let mut json = json!({
            "module": registered_name.is_none().then_some(module),
            "class_name": self.class_name(),
            "config": config,
            "registered_name": registered_name.or(hidden.then_some(self.class_name())),
        });
        keras2::set_beside(&mut json);
        Ok(json)
    }

    /// The layer that Keras wrote.
    ///
    /// # Errors
    /// An unknown class, or a config that does not fit it.
    pub fn from_json(json: &Value) -> Result<Self> {
        if let Some(operation) = Operation::from_json(json)? {
            return Ok(operation);
        }
        let class_name = json["class_name"].as_str().unwrap_or_default();
        let registered_name = json["registered_name"].as_str().unwrap_or_default();
        let entry = registry::find::<dyn Layer>(class_name, registered_name)?;
        let config = &*keras2::config_of(json);
        let base = |key: &str| config.get(key);
        let name = base("name")
            .and_then(|n| n.as_str().map(str::to_string))
            .unwrap_or_else(|| names::of_class(entry.class_name));
        let trainable = base("trainable").and_then(|t| t.as_bool()).unwrap_or(true);
        let policy = DTypePolicy::from_json(base("dtype").unwrap_or_default())?;
        let layer = Self::from_parts((entry.load)(config)?, entry.class_name.into(), name);
        Ok(layer.with_dtype(policy).with_trainable(trainable))
    }
}

impl Serialize for LayerRef {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json()
            .map_err(serde::ser::Error::custom)?
            .serialize(s)
    }
}

impl<'de> Deserialize<'de> for LayerRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let json = Value::deserialize(d)?;
        LayerRef::from_json(&json).map_err(serde::de::Error::custom)
    }
}
