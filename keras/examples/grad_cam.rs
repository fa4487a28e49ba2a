//! Grad-CAM: which pixels made a network say what it says, as a picture. Selvaraju et al., Grad-CAM: Visual Explanations
//! from Deep Networks via Gradient-based Localization, 2017.
//!
//! `cargo run --release --example grad_cam --features images [PICTURE.png]`, or with `small` at the end for a short training.

use keras::datasets::save_img;
use keras::ops::Interpolation;
use keras::prelude::*;

fn main() -> keras::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let samples = if arguments.iter().any(|a| a == "small") {
        2048
    } else {
        20_000
    };
    let path = arguments.iter().find(|a| a.ends_with(".png"));
    let path = path.map_or("grad_cam.png", String::as_str);
    keras::utils::set_random_seed(1);
    let ((x, y), _) = keras::datasets::mnist::load_data()?;
    let pixels = ops::cast(ops::slice_axis(&x, 0, 0, samples)?, DType::F32)? / 255.0;
    let x = ops::reshape(pixels, &[-1, 28, 28, 1])?;
    let y = ops::slice_axis(&y, 0, 0, samples)?;
    let mut network = Sequential::new(layers![
        Input::new([28, 28, 1]),
        Conv2D::new(16, 3).activation("relu"),
        MaxPooling2D::new(2),
        Conv2D::new(32, 3).activation("relu").name("last_conv"),
        GlobalAveragePooling2D::new(),
        Dense::new(10).name("logits"),
    ]);
    let loss = keras::losses::SparseCategoricalCrossentropy::new().from_logits(true);
    network.compile(Compile::new("adam", loss).metric("accuracy"))?;
    network.fit((&x, &y), Fit::new().epochs(3))?;

    // The same layers, with the feature maps as an output beside the logits.
    let maps = network.get_layer("last_conv")?.output()?;
    let [input, logits] = [network.inputs()?, network.outputs()?];
    let both = Model::new(input, [&maps, &logits[0]])?;
    let mut rows = Vec::new();
    for i in 0..8 {
        let image = ops::slice_axis(&x, 0, i, 1)?;
        let (digit, heat) = grad_cam(&both, &image)?;
        println!("picture {i}: a {digit}, and it is a {}", y.to_f64_vec()?[i]);
        rows.push(beside(&image, &heat)?);
    }
    let rows: Vec<&Tensor> = rows.iter().collect();
    save_img(path, ops::concatenate(&rows, 0)?, false)?;
    println!("Where the network looked: {path}");
    Ok(())
}

/// The class that a network sees in an image, and how much each pixel, `[1, rows, columns, 1]`, speaks for it.
fn grad_cam(model: &Model, image: &Tensor) -> keras::Result<(usize, Tensor)> {
    let tape = GradientTape::new();
    tape.watch(image);
    let outputs = model.call_many(&image.clone(), &Call::inference())?;
    let (maps, logits) = (&outputs[0], &outputs[1]);
    let class = ops::argmax(logits, -1)?.item()? as usize;
    let score = ops::slice_axis(logits, 1, class, 1)?;
    let [Some(gradient)] = &tape.gradient(&score, &[maps])?[..] else {
        let wanted = "feature maps that the classes come from";
        return Err(keras::Error::argument("maps", "others", wanted));
    };
    let weights = ops::mean(gradient, [1, 2])?;
    let heat = ops::relu(ops::expand_dims(ops::sum(maps * weights, -1)?, -1)?)?;
    let most = ops::max(&heat, None)?.item()?;
    let size = [image.shape()[1], image.shape()[2]];
    let heat = ops::resize(heat / most.max(1e-12), size, Interpolation::Bilinear)?;
    Ok((class, heat))
}

/// An image, and the same one with heat in red, four times as large, `[rows, columns, 3]`.
fn beside(image: &Tensor, heat: &Tensor) -> keras::Result<Tensor> {
    let gray = ops::concatenate(&[image, image, image], -1)?;
    let cold = image * (1.0 - heat);
    let red = ops::maximum(image, heat)?;
    let colored = ops::concatenate(&[&red, &cold, &cold], -1)?;
    let both = ops::concatenate(&[&gray, &colored], 2)? * 255.0;
    let size = [both.shape()[1] * 4, both.shape()[2] * 4];
    ops::squeeze(ops::resize(both, size, Interpolation::Nearest)?, 0)
}
