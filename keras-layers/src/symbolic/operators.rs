//! `+ - * /` and unary `-` on tensors of a graph. They panic with the message of the operation of the same meaning.

use keras_tensor::Result;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Symbolic;
use crate::Argument;
use crate::operations::{add, divide, multiply, negative, subtract};

#[track_caller]
fn expect(result: Result<Symbolic>) -> Symbolic {
    match result {
        Ok(t) => t,
        Err(e) => panic!("{e}"),
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $function:ident),*) => {$(
        impl<R: Into<Argument<Symbolic>>> $trait<R> for Symbolic {
            type Output = Symbolic;
            #[track_caller]
            fn $method(self, right: R) -> Symbolic { expect($function(self, right)) }
        }
        impl<R: Into<Argument<Symbolic>>> $trait<R> for &Symbolic {
            type Output = Symbolic;
            #[track_caller]
            fn $method(self, right: R) -> Symbolic { expect($function(self, right)) }
        }
        impl $trait<Symbolic> for f64 {
            type Output = Symbolic;
            #[track_caller]
            fn $method(self, right: Symbolic) -> Symbolic { expect($function(self, right)) }
        }
        impl $trait<&Symbolic> for f64 {
            type Output = Symbolic;
            #[track_caller]
            fn $method(self, right: &Symbolic) -> Symbolic { expect($function(self, right)) }
        }
    )*};
}
operator!(Add add add, Sub sub subtract, Mul mul multiply, Div div divide);

impl Neg for &Symbolic {
    type Output = Symbolic;
    #[track_caller]
    fn neg(self) -> Symbolic {
        expect(negative(self))
    }
}

impl Neg for Symbolic {
    type Output = Symbolic;
    #[track_caller]
    fn neg(self) -> Symbolic {
        -&self
    }
}
