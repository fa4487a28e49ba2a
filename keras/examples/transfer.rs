//! Transfer learning on a folder of pictures, from the first to the last step: colored digits as PNG files, a network that
//! has learned some of them, a new classifier for others, its last block trained on, a table of mistakes, a file that real
//! Keras opens.
//!
//! `cargo run --release --example transfer --features images`, or with `small` at the end for a few pictures only.

use keras::datasets::{ImageDatasetFromDirectory, Images, save_img};
use keras::prelude::*;
use keras::random::{self, SeedGenerator};
use std::fs;
use std::path::Path;

/// Rows and columns of the pictures, and of what the network sees.
const DRAWN: usize = 40;
const SEEN: usize = 32;
/// What the network learns first, and what is then asked of it: digits that stay themselves in a mirror.
const FIRST: [i64; 7] = [2, 3, 4, 5, 6, 7, 9];
const THEN: [i64; 3] = [0, 1, 8];

fn main() -> keras::Result<()> {
    let small = std::env::args().any(|a| a == "small");
    let (many, few, epochs) = if small {
        (2800, 450, 3)
    } else {
        (7000, 600, 4)
    };
    keras::utils::set_random_seed(1);
    let folder = std::env::temp_dir().join(format!("keras-transfer-{}", std::process::id()));
    println!("pictures in {}", folder.display());
    draw(&folder.join("first"), &FIRST, many)?;
    draw(&folder.join("then"), &THEN, few)?;

    println!("\nA network learns the digits {FIRST:?}.");
    let (training, validation) = load(&folder.join("first"))?;
    let base = features()?;
    let mut teacher = classifier(&base, training.class_names.len(), false)?;
    teacher.compile(compiled(3e-3))?;
    let how = || Fit::new().validation_data(&validation.data);
    teacher.fit(&training.data, how().epochs(2 * epochs))?;

    println!("\nFrozen, it serves a new classifier for the digits {THEN:?}.");
    let (training, validation) = load(&folder.join("then"))?;
    let how = || Fit::new().validation_data(&validation.data).epochs(epochs);
    base.set_trainable(false);
    let mut model = classifier(&base, THEN.len(), true)?;
    model.summary();
    model.compile(compiled(1e-2))?;
    model.fit(&training.data, how())?;

    println!("\nIts last block is trained on, at a low rate.");
    base.set_trainable(true);
    for layer in base.children() {
        layer.set_trainable(layer.name().starts_with("block3"));
    }
    model.compile(compiled(1e-4))?;
    model.fit(&training.data, how())?;

    let logs = model.evaluate(&validation.data, Evaluate::new().verbose(0))?;
    let accuracy = logs.get("accuracy").unwrap_or(0.0);
    println!(
        "\n{:.1} % of the pictures are told right.",
        100.0 * accuracy
    );
    confusion(&mut model, &validation)?;
    let file = folder.join("transfer.keras");
    save_model(&model, &file)?;
    let again = load_model(&file)?;
    println!(
        "{} holds {} parameters.",
        file.display(),
        again.count_params()
    );
    let wanted = if small { 0.6 } else { 0.95 };
    assert!(accuracy >= wanted, "accuracy {accuracy}, not {wanted}");
    Ok(())
}

/// What sees features in pictures. Where the network is at hand, one that has learned a million photographs is better:
/// `MobileNetV2::new().include_top(false).pooling("avg").build()?`.
fn features() -> keras::Result<Model> {
    let picture = Input::new([SEEN, SEEN, 3]).symbolic();
    let mut x = picture.clone();
    for (block, filters) in [(1, 16), (2, 32), (3, 64)] {
        let conv = Conv2D::new(filters, 3).activation("relu");
        x = conv.name(&format!("block{block}_conv")).on(&x)?;
        let pool = MaxPooling2D::new(2).name(&format!("block{block}_pool"));
        x = pool.on(&x)?;
    }
    let x = LayerRef::from(Flatten::new()).on(&x)?;
    Model::named("features", &picture, &x)
}

fn compiled(rate: f64) -> Compile {
    use keras::optimizers::{Adam, OptimizerExt};
    let optimizer = Adam::new().learning_rate(rate);
    Compile::new(optimizer, "sparse_categorical_crossentropy").metric("accuracy")
}

/// A fifth of the pictures is kept to look how good the network is.
fn load(folder: &Path) -> keras::Result<(Images, Images)> {
    ImageDatasetFromDirectory::new(folder)
        .image_size([DRAWN, DRAWN])
        .validation_split(0.2)
        .seed(1)
        .load_both()
}

/// The network behind layers that bring pictures into its form, and vary them if `mirrored` and in training.
fn classifier(base: &Model, classes: usize, mirrored: bool) -> keras::Result<Model> {
    let picture = Input::new([DRAWN, DRAWN, 3]).name("picture").symbolic();
    let mut x = LayerRef::from(Resizing::new(SEEN, SEEN)).on(&picture)?;
    if mirrored {
        x = LayerRef::from(RandomFlip::new()).on(&x)?;
    }
    x = LayerRef::from(RandomRotation::new(0.03)).on(&x)?;
    x = LayerRef::from(RandomZoom::new(0.1)).on(&x)?;
    x = LayerRef::from(Rescaling::new(1.0 / 127.5).offset(-1.0)).on(&x)?;
    let features = base.on(&x)?;
    let classes = Dense::new(classes).activation("softmax").name("classes");
    Model::new(&picture, classes.on(&features)?)
}

/// Digits in colors on colors, with noise, a folder for each.
fn draw(folder: &Path, digits: &[i64], count: usize) -> keras::Result<()> {
    let ((x, y), _) = keras::datasets::mnist::load_data()?;
    let labels = y.to_f64_vec()?;
    let seeds = SeedGenerator::new(Some(digits.len() as u32));
    let chosen = (0..labels.len()).filter(|&i| digits.contains(&(labels[i] as i64)));
    for i in chosen.take(count) {
        let digit = ops::cast(ops::slice_axis(&x, 0, i, 1)?, DType::F32)?;
        let digit = ops::reshape(digit / 255.0, &[1, 28, 28, 1])?;
        let size = [DRAWN, DRAWN];
        let shape = ops::resize(digit, size, ops::Interpolation::Bilinear)?;
        let ink = random::uniform([1, 1, 1, 3], 140.0, 250.0, &seeds)?;
        let paper = random::uniform([1, 1, 1, 3], 0.0, 110.0, &seeds)?;
        let noise = random::normal([1, DRAWN, DRAWN, 3], 0.0, 12.0, &seeds)?;
        let picture = &paper + (ink - &paper) * shape + noise;
        let picture = ops::squeeze(ops::clip(picture, 0.0, 255.0)?, 0)?;
        let class = folder.join(labels[i].to_string());
        fs::create_dir_all(&class).map_err(|e| keras::Error::io(&class, e))?;
        save_img(class.join(format!("{i:05}.png")), &picture, false)?;
    }
    Ok(())
}

/// How often each class was taken for which.
fn confusion(model: &mut Model, images: &Images) -> keras::Result<()> {
    let classes = images.class_names.len();
    let mut table = vec![vec![0; classes]; classes];
    for batch in &images.data {
        let (x, y) = batch?.pair()?;
        let seen = ops::argmax(model.predict_on_batch(&x)?, -1)?.to_f64_vec()?;
        for (class, seen) in y.to_f64_vec()?.into_iter().zip(seen) {
            table[class as usize][seen as usize] += 1;
        }
    }
    println!("{:>8} taken for {}", "", images.class_names.join("    "));
    for (name, row) in images.class_names.iter().zip(table) {
        let row: Vec<String> = row.iter().map(|n| format!("{n:5}")).collect();
        println!("{name:>8}       {}", row.concat());
    }
    Ok(())
}
