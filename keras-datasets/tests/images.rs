//! Folders of pictures and single ones, as real Keras reads them.

use keras_datasets::{
    ColorMode, ImageDatasetFromDirectory, Images, LabelMode, Labels, LoadImg, Subset, img_to_array,
    save_img,
};
use keras_tensor::Tensor;
use keras_tensor::random::shuffled;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn golden() -> Value {
    serde_json::from_str(include_str!("../testdata/images.json")).unwrap()
}

fn pair(value: &Value) -> [usize; 2] {
    [0, 1].map(|i| value[i].as_u64().unwrap() as usize)
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn folder(arguments: &Value) -> ImageDatasetFromDirectory {
    let mut folder = ImageDatasetFromDirectory::new(testdata().join("images")).batch_size(None);
    for (argument, value) in arguments.as_object().unwrap() {
        let word = value.as_str().unwrap_or_default();
        folder = match argument.as_str() {
            "shuffle" => folder.shuffle(value.as_bool().unwrap()),
            "seed" => folder.seed(value.as_u64().unwrap() as u32),
            "image_size" => folder.image_size(pair(value)),
            "interpolation" => folder.interpolation(word.parse().unwrap()),
            "color_mode" => folder.color_mode(word.parse().unwrap()),
            "validation_split" => folder.validation_split(value.as_f64().unwrap()),
            "crop_to_aspect_ratio" => folder.crop_to_aspect_ratio(),
            "pad_to_aspect_ratio" => folder.pad_to_aspect_ratio(),
            "class_names" => {
                let names = value.as_array().unwrap().iter();
                folder.class_names(names.map(|n| n.as_str().unwrap()))
            }
            "labels" => folder.labels(match value {
                Value::Null => Labels::None,
                list => Labels::Given(numbers(list).into_iter().map(|n| n as i32).collect()),
            }),
            "label_mode" => folder.label_mode(match word {
                "categorical" => LabelMode::Categorical,
                "binary" => LabelMode::Binary,
                _ => LabelMode::None,
            }),
            "subset" => match word {
                "training" => folder.subset(Subset::Training),
                "validation" => folder.subset(Subset::Validation),
                _ => folder,
            },
            other => panic!("{other}"),
        };
    }
    folder
}

fn load(arguments: &Value) -> Vec<Images> {
    let folder = folder(arguments);
    match arguments["subset"] == "both" {
        true => {
            let (training, validation) = folder.load_both().unwrap();
            vec![training, validation]
        }
        false => vec![folder.load().unwrap()],
    }
}

fn near(got: &Tensor, expected: &[f64], off: f64, what: &str) {
    let got = got.to_f64_vec().unwrap();
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            (got - expected).abs() <= off,
            "{what}, number {i}: {got} is not {expected}"
        );
    }
}

#[test]
fn files_labels_and_pixels_are_those_of_keras() {
    for case in golden()["cases"].as_array().unwrap() {
        let arguments = &case["arguments"];
        let what = arguments.to_string();
        let parts = load(arguments);
        for (images, expected) in parts.iter().zip(case["files"].as_array().unwrap()) {
            let root = testdata().join("images");
            let names = images
                .file_paths
                .iter()
                .map(|p| p.strip_prefix(&root).unwrap());
            let names: Vec<String> = names.map(|p| p.to_string_lossy().into_owned()).collect();
            assert_eq!(serde_json::json!(names), *expected, "{what}");
            let classes = match case["classes"] {
                Value::Null => serde_json::json!([]),
                ref classes => classes.clone(),
            };
            assert_eq!(serde_json::json!(images.class_names), classes, "{what}");
        }
        let Some(expected) = case["images"].as_array() else {
            continue;
        };
        let samples = parts.iter().flat_map(|images| images.data.iter());
        let samples: Vec<_> = samples.map(Result::unwrap).collect();
        assert_eq!(samples.len(), expected.len(), "{what}");
        let labels = case["labels"].as_array().unwrap();
        for (i, sample) in samples.iter().enumerate() {
            let what = format!("{what}, picture {i}");
            near(sample.x.one().unwrap(), &numbers(&expected[i]), 2e-3, &what);
            match &sample.y {
                None => assert!(labels[i].is_null(), "{what}"),
                Some(label) => near(label.one().unwrap(), &numbers(&labels[i]), 0.0, &what),
            }
        }
    }
}

#[test]
fn lists_are_shuffled_as_numpy_does() {
    for (seed, order) in golden()["orders"].as_object().unwrap() {
        let got = shuffled(seed.parse().unwrap(), 20);
        assert_eq!(serde_json::json!(got), *order, "{seed}");
    }
}

#[test]
fn single_pictures_are_those_of_keras() {
    for case in golden()["loaded"].as_array().unwrap() {
        let path = testdata()
            .join("images")
            .join(case["file"].as_str().unwrap());
        let (mut load, mut off) = (LoadImg::new(path), 0.0);
        for (argument, value) in case["arguments"].as_object().unwrap() {
            let word = value.as_str().unwrap_or_default();
            load = match argument.as_str() {
                "color_mode" => load.color_mode(word.parse().unwrap()),
                "target_size" => load.target_size(pair(value)),
                "keep_aspect_ratio" => load.keep_aspect_ratio(true),
                "interpolation" => {
                    // Sums are rounded otherwise.
                    off = 1.0;
                    load.interpolation(word.parse().unwrap())
                }
                other => panic!("{other}"),
            };
        }
        let picture = img_to_array(load.load().unwrap()).unwrap();
        let shape = numbers(&case["shape"]).into_iter().map(|n| n as usize);
        assert!(picture.shape().iter().copied().eq(shape), "{case}");
        near(
            &picture,
            &numbers(&case["pixels"]),
            off,
            &case["arguments"].to_string(),
        );
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keras-images-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn error<T>(result: keras_tensor::Result<T>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn pictures_are_written_and_read_again() {
    let folder = Folder::new("written");
    let data: Vec<u8> = (0..60).map(|i| i * 4).collect();
    let x = Tensor::new(&data, [4, 5, 3]).unwrap();
    for name in ["a.png", "a.bmp", "a.jpg"] {
        let path = folder.0.join(name);
        save_img(&path, &x, false).unwrap();
        let off = if name == "a.jpg" { 40.0 } else { 0.0 };
        near(
            &LoadImg::new(&path).load().unwrap(),
            &x.to_f64_vec().unwrap(),
            off,
            name,
        );
    }
    assert!(error(save_img(folder.0.join("a.tensor"), &x, false)).contains(".png"));
    let two = Tensor::new(&[0u8, 1], [1, 1, 2]).unwrap();
    assert!(error(save_img(folder.0.join("b.png"), &two, true)).contains("1, 3 or 4"));
}

#[test]
fn batches_are_random_but_fixed_by_the_seed() {
    let folder = || ImageDatasetFromDirectory::new(testdata().join("images")).seed(3);
    let labels = |images: &Images| -> Vec<f64> {
        let batches = images.data.iter().map(|b| b.unwrap().pair().unwrap().1);
        batches.flat_map(|y| y.to_f64_vec().unwrap()).collect()
    };
    let (a, b) = (
        folder().batch_size(3).image_size([2, 2]).load().unwrap(),
        folder().batch_size(3).image_size([2, 2]).load().unwrap(),
    );
    let first = labels(&a);
    assert_eq!(first, labels(&b));
    assert_eq!(first.len(), 8);
    assert_eq!(a.data.cardinality(), Some(3));
    let batch = a.data.iter().next().unwrap().unwrap();
    assert_eq!(batch.x.one().unwrap().shape().to_string(), "(3, 2, 2, 3)");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new("wrong");
    std::fs::create_dir_all(folder.0.join("a")).unwrap();
    let in_it = || ImageDatasetFromDirectory::new(&folder.0);
    assert!(error(in_it().load()).contains("no pictures here"));
    std::fs::write(folder.0.join("a/x.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let images = in_it().load().unwrap();
    let message = error(images.data.iter().next().unwrap());
    assert!(
        message.contains("x.png") && message.contains("PNG, JPEG"),
        "{message}"
    );
    // A header that promises more than memory holds.
    let mut bomb = b"BM".to_vec();
    bomb.extend([0; 8]);
    bomb.extend(54u32.to_le_bytes());
    bomb.extend(40u32.to_le_bytes());
    bomb.extend(60_000u32.to_le_bytes());
    bomb.extend(60_000u32.to_le_bytes());
    bomb.extend([1, 0, 24, 0]);
    bomb.extend([0; 24]);
    std::fs::write(folder.0.join("bomb"), bomb).unwrap();
    assert!(LoadImg::new(folder.0.join("bomb")).load().is_err());
    for (wrong, words) in [
        (in_it().class_names(["b"]), "names of the folders in it: a"),
        (
            in_it().labels(Labels::Given(vec![1, 2])),
            "one for each of the 1 pictures",
        ),
        (in_it().label_mode(LabelMode::Binary), "two classes"),
        (in_it().validation_split(0.5), "load_both"),
        (
            in_it()
                .validation_split(1.5)
                .seed(1)
                .subset(Subset::Training),
            "between 0 and 1",
        ),
        (
            in_it().validation_split(0.5).subset(Subset::Training),
            "shuffled alike",
        ),
        (in_it().subset(Subset::Training), "validation_split"),
        (in_it().image_size([0, 1]), "at least one row"),
        (ImageDatasetFromDirectory::new("nowhere"), "nowhere"),
    ] {
        let message = error(wrong.load());
        assert!(message.contains(words), "{message}");
    }
    assert!("cmyk".parse::<ColorMode>().is_err());
}
