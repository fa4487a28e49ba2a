//! Pictures of models and of trainings.

mod boxes;
mod dot;
mod font;
mod history;
mod layout;
mod png;
mod scene;
mod svg;

use keras_models::Model;
use keras_models::callbacks::History;
use keras_tensor::{Error, Result};
use std::path::Path;

use crate::atomic;
use scene::Scene;

/// How a model is drawn: what stands in the box of each layer besides its class.
///
/// ```
/// use keras_io::PlotModel;
/// use keras_layers::layers::{Dense, Input};
/// use keras_models::{Sequential, layers};
/// let model = Sequential::new(layers![Input::new([4]), Dense::new(3)]);
/// let picture = PlotModel::new().show_shapes(true).svg(&model)?;
/// assert!(picture.contains("Output shape: (None, 3)"));
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PlotModel {
    show_shapes: bool,
    show_dtype: bool,
    show_layer_names: bool,
    show_trainable: bool,
}

impl PlotModel {
    /// Classes alone, as Keras draws them by default.
    pub fn new() -> Self {
        PlotModel::default()
    }

    /// The shapes of what comes in and goes out.
    pub fn show_shapes(mut self, show: bool) -> Self {
        self.show_shapes = show;
        self
    }

    /// The dtypes of what goes out.
    pub fn show_dtype(mut self, show: bool) -> Self {
        self.show_dtype = show;
        self
    }

    /// The names of the layers.
    pub fn show_layer_names(mut self, show: bool) -> Self {
        self.show_layer_names = show;
        self
    }

    /// Which layers with weights are trained.
    pub fn show_trainable(mut self, show: bool) -> Self {
        self.show_trainable = show;
        self
    }

    /// The picture in SVG.
    ///
    /// # Errors
    /// A model that is too large to be drawn.
    pub fn svg(&self, model: &Model) -> Result<String> {
        Ok(svg::text(&self.scene(model)?))
    }

    /// The graph in the language of Graphviz.
    pub fn dot(&self, model: &Model) -> String {
        dot::text(&boxes::of(model, self))
    }

    /// The picture in PNG.
    ///
    /// # Errors
    /// A model that is too large to be drawn.
    pub fn png(&self, model: &Model) -> Result<Vec<u8>> {
        png::bytes(&self.scene(model)?)
    }

    fn scene(&self, model: &Model) -> Result<Scene> {
        layout::scene(&boxes::of(model, self))
    }
}

/// Draws a model to a file: `.svg`, `.png`, or `.dot` for Graphviz.
///
/// A model that is code of somebody's own has no graph, and is one box.
///
/// # Errors
/// Another extension, a model that is too large to be drawn, or what the system says; an old file is then left as it was.
pub fn plot_model(model: &Model, path: impl AsRef<Path>, how: &PlotModel) -> Result<()> {
    let path = path.as_ref();
    match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => atomic::write_bytes(path, how.svg(model)?.as_bytes()),
        Some("png") => atomic::write_bytes(path, &how.png(model)?),
        Some("dot") => atomic::write_bytes(path, how.dot(model).as_bytes()),
        _ => Err(unknown(path, "`.svg`, `.png` or `.dot`")),
    }
}

/// Draws the numbers of a training over its epochs to a file, `.svg` or `.png`: a panel for each number, with that of the
/// validation beside it.
///
/// # Errors
/// Another extension, a history without numbers, or what the system says; an old file is then left as it was.
pub fn plot_history(history: &History, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let scene = history::scene(history)?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => atomic::write_bytes(path, svg::text(&scene).as_bytes()),
        Some("png") => atomic::write_bytes(path, &png::bytes(&scene)?),
        _ => Err(unknown(path, "`.svg` or `.png`")),
    }
}

fn unknown(path: &Path, ends: &str) -> Error {
    Error::argument(
        "path",
        path.display(),
        format!("the name of a picture: {ends}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_layers::layers::{Dense, Input};
    use keras_models::{Compile, Fit, Sequential, layers};
    use keras_tensor::{DType, ops};

    #[test]
    fn a_training_has_its_picture() {
        let mut model = Sequential::new(layers![Input::new([2]), Dense::new(1)]);
        model
            .compile(Compile::new("sgd", "mse").metric("mae"))
            .unwrap();
        let (x, y) = (ops::ones([8, 2], DType::F32), ops::ones([8, 1], DType::F32));
        let how = Fit::new()
            .epochs(5)
            .validation_split(0.5)
            .validation_freq(2)
            .verbose(0);
        let history = model.fit((x.unwrap(), y.unwrap()), how).unwrap();
        let picture = svg::text(&history::scene(&history).unwrap());
        for name in ["loss", "val_loss", "mae", "val_mae", "epoch"] {
            assert!(picture.contains(&format!(">{name}<")), "{name}: {picture}");
        }
        // Five epochs and two validations, of two numbers.
        assert_eq!(picture.matches("<polygon").count(), 2 * (5 + 2));
        assert!(plot_history(&history, "history.txt").is_err());
        assert!(plot_history(&History::default(), "history.svg").is_err());
        let path =
            std::env::temp_dir().join(format!("keras-io-history-{}.png", std::process::id()));
        plot_history(&history, &path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG"));
        std::fs::remove_file(&path).unwrap();
    }
}
