//! Protocol buffers without generated code: the fields of a message by number, read and written.
//!
//! A reader skips what it does not know, as the format wants it, so that a file of a newer program can be read.

use keras_tensor::Result;

use crate::limits::format_error;

/// The value of a field, as it stands in the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, a message inside, or packed numbers.
    Bytes(&'a [u8]),
}

/// The bytes of a message, and what they are, for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Message { what, bytes }
    }

    /// The fields in order; a number may come several times.
    ///
    /// # Errors
    /// A field that the bytes do not hold whole, or of a wire type that is no longer used. After it there is no other.
    pub(crate) fn fields(self) -> impl Iterator<Item = Result<(u32, Field<'a>)>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let field = next_field(&mut rest);
            if field.is_none() {
                rest = &[];
            }
            Some(field.ok_or_else(|| self.damaged("a field that is cut off or of no known type")))
        })
    }

    /// The values of the fields of this number.
    pub(crate) fn all(self, number: u32) -> impl Iterator<Item = Result<Field<'a>>> {
        self.fields().filter_map(move |field| match field {
            Ok((n, value)) => (n == number).then_some(Ok(value)),
            Err(e) => Some(Err(e)),
        })
    }

    /// The last value of this number, which is the one that counts.
    pub(crate) fn last(self, number: u32) -> Result<Option<Field<'a>>> {
        self.all(number).try_fold(None, |_, field| field.map(Some))
    }

    /// A number, 0 where it is absent.
    pub(crate) fn number(self, number: u32) -> Result<u64> {
        match self.last(number)? {
            None => Ok(0),
            Some(Field::Varint(v) | Field::Fixed64(v)) => Ok(v),
            Some(Field::Fixed32(v)) => Ok(v.into()),
            Some(Field::Bytes(_)) => Err(self.damaged(&format!("bytes in field {number}"))),
        }
    }

    /// Bytes, none where the field is absent.
    pub(crate) fn bytes(self, number: u32) -> Result<&'a [u8]> {
        match self.last(number)? {
            None => Ok(&[]),
            Some(Field::Bytes(bytes)) => Ok(bytes),
            Some(_) => Err(self.damaged(&format!("a number in field {number}"))),
        }
    }

    /// A text, empty where it is absent.
    pub(crate) fn text(self, number: u32) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(number)?)
            .map_err(|_| self.damaged(&format!("text that is not UTF-8 in field {number}")))
    }

    /// The message in a field, an empty one where it is absent.
    pub(crate) fn message(self, number: u32) -> Result<Message<'a>> {
        Ok(Message::new(self.what, self.bytes(number)?))
    }

    /// The messages of a field that repeats.
    pub(crate) fn messages(self, number: u32) -> impl Iterator<Item = Result<Message<'a>>> {
        self.all(number).map(move |field| match field? {
            Field::Bytes(bytes) => Ok(Message::new(self.what, bytes)),
            _ => Err(self.damaged(&format!("a number in field {number}"))),
        })
    }

    /// The numbers of a field that repeats, packed or not.
    pub(crate) fn numbers(self, number: u32) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for field in self.all(number) {
            match field? {
                Field::Varint(v) | Field::Fixed64(v) => numbers.push(v),
                Field::Fixed32(v) => numbers.push(v.into()),
                Field::Bytes(mut packed) => {
                    while !packed.is_empty() {
                        let v = varint(&mut packed);
                        numbers.push(v.ok_or_else(|| self.damaged("packed numbers cut off"))?);
                    }
                }
            }
        }
        Ok(numbers)
    }

    /// The key and value of each entry of a map.
    pub(crate) fn entries(
        self,
        number: u32,
    ) -> impl Iterator<Item = Result<(&'a str, Message<'a>)>> {
        self.messages(number).map(|entry| {
            let entry = entry?;
            Ok((entry.text(1)?, entry.message(2)?))
        })
    }

    /// How many bytes it has.
    pub(crate) fn size(self) -> usize {
        self.bytes.len()
    }

    /// An error about this message.
    pub(crate) fn damaged(self, problem: &str) -> keras_tensor::Error {
        format_error(self.what, problem)
    }
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let tag = varint(rest)?;
    let number = u32::try_from(tag >> 3).ok().filter(|&n| n > 0)?;
    let value = match tag & 7 {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Fixed64(u64::from_le_bytes(*take_array(rest)?)),
        2 => {
            let size = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, size)?)
        }
        5 => Field::Fixed32(u32::from_le_bytes(*take_array(rest)?)),
        _ => return None,
    };
    Some((number, value))
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(size)?;
    *rest = left;
    Some(taken)
}

fn take_array<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(taken)
}

/// A number of seven bits a byte, the low ones first; the table of a checkpoint has such numbers too.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Writes a number as [`varint`] reads it.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A message that is being written; each call adds a field and gives the message back.
///
/// Values that are the default are written too: whoever wants them absent does not add them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Writer::default()
    }

    fn tag(&mut self, number: u32, wire_type: u64) {
        put_varint(&mut self.bytes, u64::from(number) << 3 | wire_type);
    }

    /// An integer, a truth value or an enumeration; a negative one as its two's complement.
    pub(crate) fn number(mut self, number: u32, value: u64) -> Self {
        self.tag(number, 0);
        put_varint(&mut self.bytes, value);
        self
    }

    pub(crate) fn fixed32(mut self, number: u32, value: u32) -> Self {
        self.tag(number, 5);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, number: u32, value: &[u8]) -> Self {
        self.tag(number, 2);
        put_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend(value);
        self
    }

    pub(crate) fn text(self, number: u32, value: &str) -> Self {
        self.bytes(number, value.as_bytes())
    }

    pub(crate) fn message(self, number: u32, value: Writer) -> Self {
        self.bytes(number, &value.bytes)
    }

    /// A field that repeats.
    pub(crate) fn messages(self, number: u32, values: impl IntoIterator<Item = Writer>) -> Self {
        values
            .into_iter()
            .fold(self, |message, value| message.message(number, value))
    }

    /// Numbers in one packed field.
    pub(crate) fn numbers(self, number: u32, values: impl IntoIterator<Item = u64>) -> Self {
        let mut packed = Vec::new();
        for value in values {
            put_varint(&mut packed, value);
        }
        self.bytes(number, &packed)
    }

    /// An entry of a map.
    pub(crate) fn entry(self, number: u32, key: &str, value: Writer) -> Self {
        self.message(number, Writer::new().text(1, key).message(2, value))
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let inside = Writer::new().text(1, "kernel").number(2, u64::MAX);
        let bytes = Writer::new()
            .number(1, 300)
            .fixed32(2, 1.5_f32.to_bits())
            .messages(3, [inside.clone(), Writer::new()])
            .numbers(4, [1, 128, 0])
            .number(4, 7)
            .entry(5, "key", inside)
            .finish();
        let message = Message::new("a test", &bytes);
        assert_eq!(message.number(1).unwrap(), 300);
        assert_eq!(message.number(2).unwrap(), u64::from(1.5_f32.to_bits()));
        assert_eq!(message.number(9).unwrap(), 0);
        let inside: Vec<_> = message.messages(3).map(Result::unwrap).collect();
        assert_eq!(inside.len(), 2);
        assert_eq!(inside[0].text(1).unwrap(), "kernel");
        assert_eq!(inside[0].number(2).unwrap(), u64::MAX);
        assert_eq!(message.numbers(4).unwrap(), [1, 128, 0, 7]);
        let (key, value) = message.entries(5).next().unwrap().unwrap();
        assert_eq!((key, value.text(1).unwrap()), ("key", "kernel"));
        assert!(message.text(1).is_err());
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        assert_eq!(Writer::new().number(1, 150).finish(), [8, 0x96, 1]);
        assert_eq!(Writer::new().text(2, "ab").finish(), [0x12, 2, b'a', b'b']);
    }

    #[test]
    fn damaged_messages_are_errors() {
        for bytes in [
            &[8][..],
            &[0x12, 5, 1],
            &[0x0b],
            &[0, 1],
            &[8, 255, 255, 255],
        ] {
            let message = Message::new("a test", bytes);
            assert!(message.fields().any(|field| field.is_err()), "{bytes:?}");
            assert!(message.number(1).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let message = Message::new("a test", &bytes);
            prop_assert!(message.fields().count() <= bytes.len());
            let _ = message.numbers(1);
        }
    }
}
