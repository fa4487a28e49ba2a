//! Settings that say that something computes as in Keras 2.
//!
//! Keras 3 refuses arguments that it does not know, so these stand beside the config of an object, where it does not
//! look: `{"class_name": .., "config": {..}, "keras2": {"keras2_clipping": true}}`.

use serde_json::{Map, Value};
use std::borrow::Cow;

const PLACE: &str = "keras2";

/// Moves the settings of an object's config that begin `keras2_` beside it.
pub fn set_beside(object: &mut Value) {
    let Some(config) = object["config"].as_object_mut() else {
        return;
    };
    let is_one = |key: &&String| key.starts_with("keras2_");
    let keys: Vec<String> = config.keys().filter(is_one).cloned().collect();
    let settings: Map<String, Value> = keys
        .into_iter()
        .filter_map(|key| config.remove_entry(&key))
        .collect();
    if !settings.is_empty() {
        object[PLACE] = settings.into();
    }
}

/// The config of an object, with the settings that stand beside it.
pub fn config_of(object: &Value) -> Cow<'_, Value> {
    let config = &object["config"];
    match object[PLACE].as_object() {
        Some(settings) if config.is_object() => {
            let mut all = config.clone();
            for (key, value) in settings {
                all[key] = value.clone();
            }
            Cow::Owned(all)
        }
        _ => Cow::Borrowed(config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_go_beside_and_back() {
        let config = json!({"axis": -1, "keras2_variance": true});
        let mut object = json!({"class_name": "A", "config": config});
        set_beside(&mut object);
        let beside = json!({"keras2_variance": true});
        let wanted = json!({"class_name": "A", "config": {"axis": -1}, "keras2": beside});
        assert_eq!(object, wanted);
        assert_eq!(*config_of(&object), config);
        let mut plain = json!({"class_name": "A", "config": {"axis": -1}});
        let before = plain.clone();
        set_beside(&mut plain);
        assert_eq!(plain, before);
        assert_eq!(*config_of(&plain), before["config"]);
    }
}
