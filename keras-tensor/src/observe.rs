//! Who listens at the door: the gradient tape, tracers, profilers.
//!
//! Observers belong to a thread. While one is told of an op, it and those that came after it are hidden, so that what
//! it computes itself is heard only by those outside of it.

use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::{Op, Tensor, Variable, scoped};

/// Hears of every op that this thread carries out, and of every reading and writing of variables.
pub trait Observer {
    /// An op was carried out.
    fn op(&self, op: &Op, inputs: &[&Tensor], outputs: &[Tensor]);
    /// Whether ops that stand for many are to be carried out as those many, as whoever writes them down wishes.
    fn wants_small_ops(&self) -> bool {
        false
    }
    /// A variable was read.
    fn read(&self, _variable: &Variable, _value: &Tensor) {}
    /// A variable was written.
    fn assigned(&self, _variable: &Variable, _value: &Tensor) {}
}

thread_local! {
    static OBSERVERS: RefCell<SmallVec<[Rc<dyn Observer>; 4]>> = RefCell::default();
    /// How many of the observers, outermost first, are not hidden.
    static VISIBLE: Cell<usize> = const { Cell::new(0) };
    static META: Cell<bool> = const { Cell::new(false) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// Whether any observer listens on this thread.
#[inline]
pub fn anybody() -> bool {
    VISIBLE.get() > 0
}

/// Whether an observer wants ops that stand for many as those many.
pub fn small_ops() -> bool {
    OBSERVERS.with_borrow(|all| all[..VISIBLE.get()].iter().any(|o| o.wants_small_ops()))
}

/// Lets `observer` listen on this thread, inside of those that listen already.
pub fn push(observer: Rc<dyn Observer>) {
    OBSERVERS.with_borrow_mut(|all| {
        all.push(observer);
        VISIBLE.set(all.len());
    });
}

/// Lets `observer` listen no longer; nothing happens if it does not.
pub fn remove(observer: &Rc<dyn Observer>) {
    let _ = OBSERVERS.try_with(|all| {
        let mut all = all.borrow_mut();
        let address = Rc::as_ptr(observer) as *const ();
        if let Some(i) = all
            .iter()
            .rposition(|o| std::ptr::eq(Rc::as_ptr(o) as *const (), address))
        {
            all.remove(i);
            if VISIBLE.get() > i {
                VISIBLE.set(VISIBLE.get() - 1);
            }
        }
    });
}

/// Runs `work` while `observer` and all that came after it hear nothing.
pub fn hidden<R>(observer: &Rc<dyn Observer>, work: impl FnOnce() -> R) -> R {
    let address = Rc::as_ptr(observer) as *const ();
    let position = OBSERVERS.with_borrow(|all| {
        all.iter()
            .position(|o| std::ptr::eq(Rc::as_ptr(o) as *const (), address))
    });
    with_visible(position.unwrap_or(VISIBLE.get()), work)
}

/// Runs `work` while nobody listens.
pub fn unobserved<R>(work: impl FnOnce() -> R) -> R {
    with_visible(0, work)
}

fn with_visible<R>(count: usize, work: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            // An observer may have gone in between.
            let listening = OBSERVERS.try_with(|all| all.borrow().len()).unwrap_or(0);
            VISIBLE.set(self.0.min(listening));
        }
    }
    let _restore = Restore(VISIBLE.replace(count.min(VISIBLE.get())));
    work()
}

fn each(mut tell: impl FnMut(&dyn Observer)) {
    for i in (0..VISIBLE.get()).rev() {
        let observer = OBSERVERS.with_borrow(|all| all[i].clone());
        with_visible(i, || tell(&*observer));
    }
}

/// Tells the observers of an op, the innermost first.
pub(crate) fn tell(op: &Op, inputs: &[&Tensor], outputs: &[Tensor]) {
    each(|o| o.op(op, inputs, outputs));
}

pub(crate) fn tell_read(variable: &Variable, value: &Tensor) {
    if anybody() {
        each(|o| o.read(variable, value));
    }
}

pub(crate) fn tell_assigned(variable: &Variable, value: &Tensor) {
    if anybody() {
        each(|o| o.assigned(variable, value));
    }
}

/// Runs `work` with variables read as meta tensors and nothing computed: shape inference.
pub fn meta_scope<R>(work: impl FnOnce() -> R) -> R {
    scoped(&META, true, || unobserved(work))
}

/// Whether shapes are being inferred on this thread.
#[inline]
pub fn is_meta_scope() -> bool {
    META.get()
}

/// Runs `work` with variables read as meta tensors that keep their ids and refusing to be written, while only `observer`
/// listens: it hears what is computed of tensors that are not there, and nothing changes.
pub fn traced<R>(observer: Rc<dyn Observer>, work: impl FnOnce() -> R) -> R {
    struct Restore(SmallVec<[Rc<dyn Observer>; 4]>, usize, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            OBSERVERS.set(std::mem::take(&mut self.0));
            VISIBLE.set(self.1);
            TRACING.set(self.2);
        }
    }
    let _restore = Restore(OBSERVERS.take(), VISIBLE.get(), TRACING.replace(true));
    push(observer);
    work()
}

/// Whether a computation is being traced on this thread.
#[inline]
pub fn is_tracing() -> bool {
    TRACING.get()
}
