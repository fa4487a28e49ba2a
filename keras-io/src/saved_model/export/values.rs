//! Structured values: how functions are called, as TensorFlow writes it down.

use crate::protobuf::Writer;

pub(super) fn none() -> Writer {
    Writer::new().message(1, Writer::new())
}

pub(super) fn text(text: &str) -> Writer {
    Writer::new().text(13, text)
}

pub(super) fn flag(flag: bool) -> Writer {
    Writer::new().number(14, flag.into())
}

/// What is known of a tensor: name, shape, dtype.
pub(super) fn tensor(name: &str, shape: Writer, dtype: u64) -> Writer {
    let spec = Writer::new()
        .text(1, name)
        .message(2, shape)
        .number(3, dtype);
    Writer::new().message(33, spec)
}

pub(super) fn list(all: impl IntoIterator<Item = Writer>) -> Writer {
    Writer::new().message(51, Writer::new().messages(1, all))
}

pub(super) fn tuple(all: impl IntoIterator<Item = Writer>) -> Writer {
    Writer::new().message(52, Writer::new().messages(1, all))
}

pub(super) fn dict<'a>(all: impl IntoIterator<Item = (&'a str, Writer)>) -> Writer {
    let fields = all.into_iter();
    let map = fields.fold(Writer::new(), |map, (key, value)| map.entry(1, key, value));
    Writer::new().message(53, map)
}

/// The arguments of a Python function: their names, and defaults of the last ones.
pub(super) fn arguments(
    names: &[&str],
    defaults: Option<Vec<Writer>>,
    keywords: &[&str],
) -> Writer {
    let texts = |names: &[&str]| list(names.iter().map(|name| text(name)));
    let fields = [
        ("args", texts(names)),
        ("varargs", none()),
        ("varkw", none()),
        ("defaults", defaults.map_or_else(none, tuple)),
        ("kwonlyargs", texts(keywords)),
        ("kwonlydefaults", none()),
        ("annotations", dict([])),
    ];
    let fields = fields.map(|(key, value)| Writer::new().text(1, key).message(2, value));
    let named = Writer::new().text(1, "FullArgSpec").messages(2, fields);
    Writer::new().message(54, named)
}
