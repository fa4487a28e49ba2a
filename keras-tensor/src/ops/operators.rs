//! `+ - * /` and unary `-` on tensors. They panic with the message of the function of the same meaning.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Operand, add, divide, multiply, negative, subtract};
use crate::{Result, Tensor};

#[track_caller]
fn expect(result: Result<Tensor>) -> Tensor {
    match result {
        Ok(t) => t,
        Err(e) => panic!("{e}"),
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $function:ident),*) => {$(
        impl<R: Operand> $trait<R> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, right: R) -> Tensor { expect($function(&self, &right)) }
        }
        impl<R: Operand> $trait<R> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, right: R) -> Tensor { expect($function(self, &right)) }
        }
        impl $trait<Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, right: Tensor) -> Tensor { expect($function(&self, &right)) }
        }
        impl $trait<&Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, right: &Tensor) -> Tensor { expect($function(&self, right)) }
        }
    )*};
}
operator!(Add add add, Sub sub subtract, Mul mul multiply, Div div divide);

impl Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        expect(negative(&self))
    }
}

impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        expect(negative(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_take_the_dtype_beside_them() {
        let x = Tensor::new(&[1.0f32, 2.0], [2]).unwrap();
        let y = 2.0 * &x / 255.0 - 1;
        assert_eq!(y.dtype(), crate::DType::F32);
        assert_eq!(
            y.to_vec::<f32>().unwrap(),
            [2.0 / 255.0 - 1.0, 4.0 / 255.0 - 1.0]
        );
    }

    #[test]
    #[should_panic(expected = "add: shapes (2,) and (3,) do not fit")]
    fn shapes_that_do_not_fit_panic_with_the_message() {
        let _ = Tensor::new(&[1.0f32; 2], [2]).unwrap() + Tensor::new(&[1.0f32; 3], [3]).unwrap();
    }
}
