//! `keras new`: a model of one of Keras's applications.

use keras::io::{load_config, load_model};

use crate::run::{done, keras, same_weights, word};
use crate::support::Folder;

#[test]
fn an_application_becomes_a_file() {
    let folder = Folder::new();
    let path = folder.path("m.keras");
    let mobilenet = ["new", "MobileNet", "--output", word(&path)];
    let shape = ["--input-shape", "64,64,3"];
    let top = ["--classes", "10", "--classifier-activation", "none"];
    done(&[&mobilenet[..], &shape, &top].concat());
    let model = load_model(&path).unwrap();
    assert_eq!(model.name(), "mobilenet_1.00_64");
    assert_eq!(model.outputs().unwrap()[0].dims().to_string(), "(None, 10)");

    let weights = folder.path("w.weights.h5");
    let words = ["new", "MobileNet", "--output", word(&weights)];
    done(&[&words[..], &shape, &["--no-top"]].concat());
    let body = ["--no-top", "--pooling", "avg", "--weights", word(&weights)];
    let again = folder.path("again.keras");
    let words = ["new", "mobilenet", "--output", word(&again)];
    done(&[&words[..], &shape, &body].concat());
    let third = folder.path("third.keras");
    let words = ["new", "mobilenet", "--output", word(&third)];
    done(&[&words[..], &shape, &body].concat());
    let (a, b) = (load_model(again).unwrap(), load_model(third).unwrap());
    assert!(
        same_weights(&a, &b),
        "the weights are not those of the file"
    );

    let config = folder.path("m.json");
    done(&["new", "VGG16", "--output", word(&config)]);
    assert_eq!(load_config(config).unwrap().count_params(), 138_357_544);
}

#[test]
fn what_cannot_be_made_is_told() {
    let folder = Folder::new();
    let path = folder.path("m.keras");
    for (arguments, status, words) in [
        (&["ResNet51"][..], 1, "ResNet5"),
        (&["ResNet50", "--input-shape", "64,64"], 1, "three sizes"),
        (&["ResNet50", "--weights", "w.h5"], 1, "w.h5"),
        (&["ResNet50", "--pooling", "mean"], 2, "pooling"),
        (&["ResNet50", "--no-top", "--include-top"], 2, "no-top"),
    ] {
        let output = ["--output", word(&path)];
        let said = keras(&[&["new"], arguments, &output].concat());
        assert_eq!(said.status, status, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{}", said.err);
        assert!(!path.exists());
    }
}
