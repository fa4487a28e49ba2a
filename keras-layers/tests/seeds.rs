//! `set_seed` gives what `keras.utils.set_random_seed` gives on TensorFlow (keras 3.15.1, tensorflow 2.21):
//!
//! ```python
//! keras.utils.set_random_seed(42)
//! d = Dense(3); e = Dense(2, kernel_initializer="he_normal"); drop = Dropout(.5)
//! d.build((None, 4)); e.build((None, 3))
//! drop(ones((2, 4)), training=True)  # twice
//! ```

use keras_layers::layers::{Dense, Dropout};
use keras_layers::{Call, LayerRef};
use keras_tensor::random::set_seed;
use keras_tensor::{DType, ops};

fn assert_close(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    for (g, w) in got.iter().zip(wanted) {
        assert!((g - w).abs() < 1e-6, "{got:?} is not {wanted:?}");
    }
}

#[test]
fn initial_weights_and_dropout_are_keras_s() {
    set_seed(42);
    let d = LayerRef::from(Dense::new(3));
    let e = LayerRef::from(Dense::new(2).kernel_initializer("he_normal"));
    let drop = LayerRef::from(Dropout::new(0.5));
    d.build([None, Some(4)]).unwrap();
    e.build([None, Some(3)]).unwrap();
    let kernel = |l: &LayerRef| l.get_weights().unwrap()[0].to_vec::<f32>().unwrap();
    assert_close(
        &kernel(&d),
        &[
            0.663_237_33,
            0.301_129_58,
            -0.261_616_83,
            0.833_218_8,
            -0.781_279_03,
            0.282_064_68,
            0.871_196_5,
            -0.614_907_26,
            0.044_049_203,
            0.242_119_67,
            -0.765_804_53,
            -0.099_326_61,
        ],
    );
    assert_close(
        &kernel(&e),
        &[
            0.021_480_415,
            -0.189_307_66,
            -0.676_924_05,
            -0.030_334_39,
            -1.069_836_5,
            -1.012_828,
        ],
    );
    let ones = ops::ones([2, 4], DType::F32).unwrap();
    let dropped = || {
        let y = drop.call(&ones, &Call::training()).unwrap();
        y.to_vec::<f32>().unwrap()
    };
    assert_eq!(dropped(), [2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
    assert_eq!(dropped(), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0]);
}
