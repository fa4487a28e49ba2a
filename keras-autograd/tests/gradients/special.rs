//! Places where a rule has to decide: ties, zeros, other dtypes.

use keras_autograd::{GradientTape, check_grads};
use keras_tensor::op::Fold;
use keras_tensor::{DType, Result, Tensor, ops};

fn gradient(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Vec<f64> {
    let tape = GradientTape::new();
    tape.watch(x);
    let y = f(x).unwrap();
    let gradient = tape.gradient(&y, &[x]).unwrap().remove(0).unwrap();
    assert_eq!((gradient.dtype(), gradient.shape()), (x.dtype(), x.shape()));
    gradient.to_f64_vec().unwrap()
}

#[test]
fn products_with_zeros() {
    for values in [
        [2.0, 3.0, 5.0, 7.0],
        [0.0, 3.0, 5.0, 7.0],
        [0.0, 3.0, 0.0, 7.0],
        [0.0, 0.0, 0.0, 7.0],
    ] {
        let x = Tensor::new(&values, [2, 2]).unwrap();
        check_grads(|v| ops::prod(&v[0], None), std::slice::from_ref(&x)).unwrap();
        check_grads(|v| ops::prod(&v[0], [0]), &[x]).unwrap();
    }
}

#[test]
fn equal_extremes_share_and_equal_operands_go_left() {
    let x = Tensor::new(&[1.0f64, 3.0, 3.0], [3]).unwrap();
    for fold in [Fold::Max, Fold::Min] {
        let wanted = match fold {
            Fold::Max => [0.0, 0.5, 0.5],
            _ => [1.0, 0.0, 0.0],
        };
        assert_eq!(gradient(&x, |x| ops::reduce(x, fold, [0], false)), wanted);
    }
    let other = Tensor::new(&[1.0f64, 1.0, 5.0], [3]).unwrap();
    assert_eq!(gradient(&x, |x| ops::maximum(x, &other)), [1.0, 1.0, 0.0]);
    assert_eq!(gradient(&x, |x| ops::minimum(&other, x)), [0.0, 0.0, 1.0]);
}

#[test]
fn a_cast_gives_the_gradient_in_the_dtype_of_its_input() {
    let x = Tensor::new(&[1.0f32, 2.0], [2]).unwrap();
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let y = |x: &Tensor| ops::square(ops::cast(x, dtype)?);
        assert_eq!(gradient(&x, y), [2.0, 4.0]);
    }
    let through_integers = |x: &Tensor| {
        let cut = ops::cast(ops::cast(x, DType::I32)?, DType::F32)?;
        ops::add(cut, x)
    };
    assert_eq!(gradient(&x, through_integers), [1.0, 1.0]);
}

#[test]
fn powers_of_numbers_that_are_not_positive() {
    let x = Tensor::new(&[-2.0f64, 0.0, 3.0], [3]).unwrap();
    assert_eq!(gradient(&x, |x| ops::power(x, 2.0)), [-4.0, 0.0, 6.0]);
    let exponent = Tensor::new(&[2.0f64, 2.0, 1.0], [3]).unwrap();
    let by_exponent = gradient(&exponent, |e| ops::power(&x, e));
    assert_eq!(by_exponent, [0.0, 0.0, 3.0 * 3f64.ln()]);
}

#[test]
fn a_value_used_twice_gathers_both_gradients() {
    let x = Tensor::new(&[1.0f64, -2.0], [2, 1]).unwrap();
    let y = |v: &[Tensor]| {
        let product = ops::matmul_transposed(&v[0], &v[0], false, true)?;
        ops::add(product, &v[0])
    };
    check_grads(y, &[x]).unwrap();
}
