//! `keras plot`

use std::path::Path;

use crate::run::{done, keras, word};
use crate::support::{Folder, cases, uses_later};

/// The number that stands after `begin` in a text.
fn number_after(text: &str, begin: &str) -> u32 {
    let (_, rest) = text.split_once(begin).unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}

/// A picture of a model in a format.
fn picture(model: &Path, folder: &Folder, end: &str) -> Vec<u8> {
    let path = folder.path(&format!("p.{end}"));
    done(&["plot", word(model), "--output", word(&path)]);
    std::fs::read(path).unwrap()
}

#[test]
fn every_model_has_its_picture() {
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
        let text = |end: &str| String::from_utf8(picture(&model, &folder, end)).unwrap();
        let (svg, dot) = (text("svg"), text("dot"));
        let layers = case.json("case.json")["layers"].clone();
        for layer in layers.as_array().unwrap() {
            let title = format!(
                "{} ({})",
                layer[0].as_str().unwrap(),
                layer[1].as_str().unwrap()
            );
            assert!(
                svg.contains(&title) && dot.contains(&title),
                "{}: {title}",
                case.name
            );
        }
        assert_eq!(
            svg.matches("<polygon").count(),
            dot.matches(" -> ").count(),
            "{}",
            case.name
        );
        let png = picture(&model, &folder, "png");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xae\x42\x60\x82"));
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let wanted = [
            number_after(&svg, "width=\""),
            number_after(&svg, "height=\""),
        ];
        let near = |a: u32, b: u32| a <= 2 * b && a + 2 >= 2 * b;
        assert!(
            near(size(16), wanted[0]) && near(size(20), wanted[1]),
            "{}",
            case.name
        );
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_picture_of_no_format_is_an_error() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "seq_mlp")
        .unwrap();
    let model = case.file("model.keras", &folder).unwrap();
    let said = keras(&["plot", word(&model), "--output", "p.gif"]);
    assert_eq!(said.status, 1);
    assert!(
        said.err.contains("p.gif, wanted the name of a picture"),
        "{}",
        said.err
    );
}
