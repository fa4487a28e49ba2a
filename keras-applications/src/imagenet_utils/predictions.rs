use keras_tensor::ops::Operand;
use keras_tensor::{Error, Result};

/// The classes of ImageNet in the order in which networks tell them apart: `("n01440764", "tench")` is the first.
pub fn class_index() -> impl ExactSizeIterator<Item = (&'static str, &'static str)> {
    let lines: Vec<&'static str> = include_str!("classes.tsv").lines().collect();
    lines
        .into_iter()
        .map(|line| line.split_once('\t').unwrap_or((line, "")))
}

/// A class that a network sees in an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Its name in WordNet: `"n01440764"`.
    pub class_name: &'static str,
    /// Its name in English: `"tench"`.
    pub class_description: &'static str,
    /// How much the network is for it.
    pub score: f64,
}

/// The classes with the highest scores for each image, best first.
///
/// - `predictions`: `[batch, 1000]`, what a network with Keras's classes says.
/// - `top`: how many classes are wanted; Keras's default is 5.
///
/// ```
/// use keras_applications::resnet::decode_predictions;
/// use keras_tensor::{DType, Tensor, ops};
/// let best = ops::one_hot(Tensor::new(&[1i32], [1])?, 1000, DType::F32)?;
/// assert_eq!(decode_predictions(&best, 5)?[0][0].class_description, "goldfish");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// A tensor that is not of shape `[batch, 1000]`.
pub fn decode_predictions(predictions: impl Operand, top: usize) -> Result<Vec<Vec<Prediction>>> {
    let predictions = predictions.tensor()?;
    let classes: Vec<_> = class_index().collect();
    if predictions.shape().rank() != 2 || predictions.shape()[1] != classes.len() {
        let wanted = "[batch, 1000]: the scores of ImageNet's classes for each image";
        return Err(Error::shape(
            "decode_predictions",
            &[predictions.shape()],
            wanted,
        ));
    }
    let scores = predictions.to_f64_vec()?;
    let best = |scores: &[f64]| {
        let mut all: Vec<Prediction> = classes
            .iter()
            .zip(scores)
            .map(|(&(class_name, class_description), &score)| Prediction {
                class_name,
                class_description,
                score,
            })
            .collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(top);
        all
    };
    Ok(scores.chunks(classes.len()).map(best).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_tensor::Tensor;
    use md5::{Digest, Md5};

    #[test]
    fn the_classes_are_those_of_the_file_that_keras_downloads() {
        let entries: Vec<String> = class_index()
            .enumerate()
            .map(|(i, (name, description))| format!("\"{i}\": [\"{name}\", \"{description}\"]"))
            .collect();
        let json = format!("{{{}}}", entries.join(", "));
        let digest = Md5::digest(json.as_bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "c2c37ea517e94d9795004a39431a14cb");
    }

    #[test]
    fn the_best_come_first() {
        let mut scores = vec![0.0f32; 2000];
        (scores[7], scores[999], scores[1000]) = (0.25, 0.75, 1.0);
        let decoded = decode_predictions(Tensor::new(&scores, [2, 1000]).unwrap(), 2).unwrap();
        let names = decoded[0].iter().map(|p| p.class_description);
        assert_eq!(names.collect::<Vec<_>>(), ["toilet_tissue", "cock"]);
        assert_eq!(decoded[1][0].class_name, "n01440764");
        assert!(decode_predictions(Tensor::new(&[0.0f32], [1, 1]).unwrap(), 5).is_err());
    }
}
