//! The same seed gives the same bits, on every run and at any number of threads; and the main job learns.

use keras::prelude::*;
use keras::utils::set_random_seed;

fn digits(samples: usize) -> (Tensor, Tensor) {
    let ((x, y), _) = keras::datasets::mnist::load_data().unwrap();
    let x = ops::slice_axis(&x, 0, 0, samples).unwrap();
    let y = ops::slice_axis(&y, 0, 0, samples).unwrap();
    let x = 2.0 * ops::cast(&x, DType::F32).unwrap() / 255.0 - 1.0;
    (
        ops::reshape(&x, &[-1, 784]).unwrap(),
        ops::one_hot(&y, 10, DType::F32).unwrap(),
    )
}

fn trained(samples: usize, threads: usize) -> (Vec<u32>, Vec<f64>) {
    keras::config::threads::limited(threads, || {
        set_random_seed(3);
        let (x, y) = digits(samples);
        let data = Dataset::from_tensor_slices((x, y))
            .unwrap()
            .shuffle(10_000)
            .batch(32);
        let mut network = Sequential::new(layers![
            Dense::new(256).activation("relu"),
            Dense::new(128).activation("relu"),
            Dropout::new(0.1),
            Dense::new(10),
        ]);
        let loss = CategoricalCrossentropy::new().from_logits(true);
        network
            .compile(Compile::new("adam", loss).metric("accuracy"))
            .unwrap();
        let history = network.fit(&data, Fit::new().epochs(2).verbose(0)).unwrap();
        let bits = network
            .get_weights()
            .unwrap()
            .iter()
            .flat_map(|w| w.to_vec::<f32>().unwrap())
            .map(f32::to_bits)
            .collect();
        (bits, history.get("loss").unwrap().to_vec())
    })
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let first = trained(3200, 1);
    assert!(first.1[1] < first.1[0]);
    for threads in [1, 2, 4] {
        assert_eq!(trained(3200, threads), first, "{threads} threads");
    }
}

#[test]
fn eight_threads_predict_the_same_bits() {
    let model = Sequential::new(layers![
        Input::new([20]),
        Dense::new(30).activation("tanh"),
        Dense::new(4)
    ]);
    let x = ops::full([16, 20], 0.3, DType::F32).unwrap();
    let predict = || model.predict_on_batch(&x).unwrap().to_vec::<f32>().unwrap();
    let expected = predict();
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..8)
            .map(|_| s.spawn(|| (0..100).all(|_| predict() == expected)))
            .collect();
        assert!(threads.into_iter().all(|t| t.join().unwrap()));
    });
}
