//! `keras convert`: there and back again, without a change of a bit.

use keras::io::{load_config, load_model};

use crate::run::{done, same_weights, word};
use crate::support::{Folder, cases, uses_later};

#[test]
fn models_go_through_every_format() {
    let folder = Folder::new();
    let mut count = 0;
    for case in cases("models") {
        let Some(model) = case.file("model.keras", &folder) else {
            continue;
        };
        if uses_later(&case.config("model.keras").unwrap()) {
            continue;
        }
        count += 1;
        let first = load_model(&model).unwrap();
        let config = folder.path("c.json");
        done(&["convert", word(&model), word(&config)]);
        let arrow = |from: &str, to: &str| {
            let (from, to) = (folder.path(from), folder.path(to));
            let weights_alone = [".weights.h5", ".npz", ".safetensors"]
                .iter()
                .any(|end| word(&from).ends_with(end));
            let mut words = vec!["convert", word(&from), word(&to)];
            if weights_alone {
                words.extend(["--model", word(&config)]);
            }
            done(&words);
        };
        let way = [
            "model.keras",
            "a.h5",
            "b.keras",
            "c.weights.h5",
            "d.h5",
            "e.npz",
            "f.keras",
            "g.safetensors",
            "h.keras",
        ];
        for step in way.windows(2) {
            arrow(step[0], step[1]);
        }
        for name in ["a.h5", "b.keras", "d.h5", "f.keras", "h.keras"] {
            let other = load_model(folder.path(name)).unwrap();
            assert!(same_weights(&first, &other), "{} {name}", case.name);
        }
        let structure = load_config(&config).unwrap();
        assert_eq!(
            structure.to_json().unwrap()["config"],
            first.to_json().unwrap()["config"],
            "{}",
            case.name
        );
        // What was compiled stays compiled through whole models.
        assert_eq!(
            first.optimizer().is_ok(),
            load_model(folder.path("b.keras"))
                .unwrap()
                .optimizer()
                .is_ok()
        );
    }
    assert!(count > 10, "{count}");
}

#[test]
fn weights_of_keras_2_find_their_model() {
    let folder = Folder::new();
    for case in cases("models") {
        let (Some(weights), Some(model)) = (
            case.file("k2_weights.h5", &folder),
            case.file("model_k2.keras", &folder),
        ) else {
            continue;
        };
        if uses_later(&case.config("model.keras").unwrap()) {
            continue;
        }
        let out = folder.path("out.keras");
        done(&[
            "convert",
            word(&weights),
            word(&out),
            "--model",
            word(&model),
        ]);
        assert!(
            same_weights(&load_model(&model).unwrap(), &load_model(&out).unwrap()),
            "{}",
            case.name
        );
    }
}
