//! How weights begin.

mod constant;
mod orthogonal;
mod random;
mod stft;
mod variance_scaling;

pub use constant::{Constant, Identity, Ones, Zeros};
pub use orthogonal::Orthogonal;
pub use random::{InitialSeed, RandomNormal, RandomUniform, TruncatedNormal};
pub use stft::STFT;
pub use variance_scaling::{
    GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, Scaled, Scaling,
    VarianceScaling,
};

use keras_tensor::registry::Entry;
use keras_tensor::{DType, Result, Shape, Tensor, family};
use std::any::Any;

/// Makes the first value of a weight.
pub trait Initialize: Any + Send + Sync {
    /// A value of this shape and dtype.
    ///
    /// # Errors
    /// A shape that the initializer cannot fill.
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor>;

    /// Draws the seed now, if none was given: weights take their seeds in the order in which they are declared, and
    /// their values later.
    fn fix_seed(&self) {}

    /// The same with other axes of the weight counted as inputs and outputs, for those that count and were not told.
    fn with_fans(&self, _inputs: &[usize], _outputs: &[usize]) -> Option<Initializer> {
        None
    }
}

family! {
    /// An initializer, by name (`"glorot_uniform"`) or as a value.
    Initializer of Initialize, "initializer", "keras.initializers", &[TABLE]
}

impl Initializer {
    /// The initializer for a weight whose axes count as inputs and outputs like this.
    pub(crate) fn with_fans(&self, inputs: &[usize], outputs: &[usize]) -> Result<Initializer> {
        let told = self.resolve()?.with_fans(inputs, outputs);
        Ok(told.unwrap_or_else(|| self.clone()))
    }

    /// One more of the kind, with a seed of its own where none was given.
    pub(crate) fn another(&self) -> Initializer {
        let made = self
            .to_json()
            .and_then(|json| Initializer::from_json(&json));
        made.unwrap_or_else(|_| self.clone())
    }
}

const TABLE: &[Entry<dyn Initialize>] = &[
    entry::<Constant>("Constant", &[]),
    entry::<GlorotNormal>("GlorotNormal", &[]),
    entry::<GlorotUniform>("GlorotUniform", &[]),
    entry::<HeNormal>("HeNormal", &[]),
    entry::<HeUniform>("HeUniform", &[]),
    entry::<Identity>("Identity", &["identityinitializer"]),
    entry::<LecunNormal>("LecunNormal", &[]),
    entry::<LecunUniform>("LecunUniform", &[]),
    entry::<Ones>("Ones", &["one"]),
    entry::<Orthogonal>("Orthogonal", &["orthogonalinitializer"]),
    entry::<RandomNormal>("RandomNormal", &["normal"]),
    entry::<RandomUniform>("RandomUniform", &["uniform"]),
    entry::<STFT>("STFT", &["stftinitializer"]),
    entry::<TruncatedNormal>("TruncatedNormal", &[]),
    entry::<VarianceScaling>("VarianceScaling", &[]),
    entry::<Zeros>("Zeros", &["zero"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use keras_tensor::random::set_seed;

    fn values(initializer: impl Into<Initializer>, shape: &[usize]) -> Vec<f32> {
        let initializer = initializer.into().resolve().unwrap();
        let t = initializer.initialize(&shape.into(), DType::F32).unwrap();
        t.to_vec().unwrap()
    }

    fn assert_close(got: &[f32], wanted: &[f32]) {
        assert_eq!(got.len(), wanted.len());
        for (g, w) in got.iter().zip(wanted) {
            assert!((g - w).abs() <= 2e-6, "{got:?} is not {wanted:?}");
        }
    }

    // The values come from keras 3.15.1 on tensorflow 2.21: keras.initializers.NAME(seed=..)(shape).
    include!("golden.rs");

    #[test]
    fn seeds_are_drawn_once_and_in_order() {
        set_seed(42);
        let a: Initializer = GlorotUniform::new().into();
        let a = a.resolve().unwrap();
        a.fix_seed();
        let first = a.initialize(&[2, 2].into(), DType::F32).unwrap();
        let again = a.initialize(&[2, 2].into(), DType::F32).unwrap();
        assert_eq!(
            first.to_vec::<f32>().unwrap(),
            again.to_vec::<f32>().unwrap()
        );
        let other = values(GlorotUniform::new(), &[2, 2]);
        assert_ne!(first.to_vec::<f32>().unwrap(), other);
    }

    #[test]
    fn unknown_names_say_what_is_near() {
        let message = Initializer::from("glorot_unifrom")
            .resolve()
            .err()
            .unwrap()
            .to_string();
        assert!(
            message.contains("did you mean \"glorot_uniform\"?"),
            "{message}"
        );
    }

    #[test]
    fn configs_go_around() {
        for entry in TABLE {
            let made: Initializer = Initializer::from(entry.class_name);
            let json = made.to_json().unwrap();
            assert_eq!(json["class_name"], entry.class_name);
            let again = Initializer::from_json(&json).unwrap().to_json().unwrap();
            assert_eq!(json, again);
        }
    }
}
