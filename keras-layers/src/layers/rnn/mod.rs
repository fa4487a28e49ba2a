//! Layers that go through a sequence step by step: cells, what runs them, and wrappers.

#[macro_use]
mod define;

mod bidirectional;
mod cell;
mod conv_lstm;
mod gru;
mod lstm;
mod recurrent;
mod sequence;
mod simple;
mod stacked;
#[cfg(test)]
mod tests;
mod time_distributed;
mod wrapper;

pub use bidirectional::Bidirectional;
pub use cell::{Noise, RnnCell, Whole};
pub use conv_lstm::{
    ConvLSTM1D, ConvLSTM1DCell, ConvLSTM2D, ConvLSTM2DCell, ConvLSTM3D, ConvLSTM3DCell,
};
pub use gru::{GRU, GRUCell};
pub use lstm::{LSTM, LSTMCell};
pub use recurrent::{Gated, Recurrent};
pub use simple::{SimpleRNN, SimpleRNNCell};
pub use stacked::StackedRNNCells;
pub use time_distributed::TimeDistributed;
pub use wrapper::RNN;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Bidirectional>("Bidirectional"),
    entry::<ConvLSTM1D>("ConvLSTM1D"),
    entry::<ConvLSTM2D>("ConvLSTM2D"),
    entry::<ConvLSTM3D>("ConvLSTM3D"),
    entry::<GRU>("GRU"),
    entry::<GRUCell>("GRUCell"),
    entry::<LSTM>("LSTM"),
    entry::<LSTMCell>("LSTMCell"),
    entry::<RNN>("RNN"),
    entry::<SimpleRNN>("SimpleRNN"),
    entry::<SimpleRNNCell>("SimpleRNNCell"),
    entry::<StackedRNNCells>("StackedRNNCells"),
    entry::<TimeDistributed>("TimeDistributed"),
];
