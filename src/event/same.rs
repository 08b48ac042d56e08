//! Whether given bytes are the JSON that a value is written as, without writing
//! it: every entry that is read is held against its one form.
//!
//! The form is that of `serde_json::to_vec`. What entries consist of (objects,
//! lists, variants, plain text) is compared here, anything else with what
//! `serde_json` writes; a test holds both against each other for every kind.

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::fmt;

/// Whether `value` is written as `bytes`.
pub(super) fn is_written_as(value: &impl Serialize, bytes: &[u8]) -> bool {
    let mut same = Same { rest: bytes };
    value.serialize(&mut same).is_ok() && same.rest.is_empty()
}

/// What is still expected.
struct Same<'a> {
    rest: &'a [u8],
}

/// Something else stands there, or the value cannot be written.
#[derive(Debug)]
struct Other;

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another text than is expected")
    }
}

impl std::error::Error for Other {}

impl Error for Other {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Same<'_> {
    fn take(&mut self, written: &[u8]) -> Result<(), Other> {
        self.rest = self.rest.strip_prefix(written).ok_or(Other)?;
        Ok(())
    }

    /// As `serde_json` writes it.
    fn other(&mut self, value: impl Serialize) -> Result<(), Other> {
        let written = serde_json::to_vec(&value).map_err(|_| Other)?;
        self.take(&written)
    }

    fn number(&mut self, mut value: u64) -> Result<(), Other> {
        let mut digits = [0; 20];
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            (value, length) = (value / 10, length + 1);
            if value == 0 {
                break;
            }
        }
        self.take(digits.get(digits.len() - length..).ok_or(Other)?)
    }

    /// `{"variant":` and what begins its content.
    fn variant(&mut self, variant: &str, begin: &[u8]) -> Result<(), Other> {
        self.take(b"{")?;
        self.serialize_str(variant)?;
        self.take(b":")?;
        self.take(begin)
    }
}

/// Members of an object or a list.
struct Members<'s, 'a> {
    same: &'s mut Same<'a>,
    first: bool,
    end: &'static [u8],
}

impl Members<'_, '_> {
    fn next(&mut self) -> Result<(), Other> {
        if std::mem::take(&mut self.first) { Ok(()) } else { self.same.take(b",") }
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Other> {
        self.next()?;
        value.serialize(&mut *self.same)
    }

    /// The name of a struct's field is ours: nothing in it is escaped.
    fn field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Other> {
        self.next()?;
        self.same.take(b"\"")?;
        self.same.take(name.as_bytes())?;
        self.same.take(b"\":")?;
        value.serialize(&mut *self.same)
    }

    fn finish(self) -> Result<(), Other> {
        self.same.take(self.end)
    }
}

impl<'s, 'a> Serializer for &'s mut Same<'a> {
    type Ok = ();
    type Error = Other;
    type SerializeSeq = Members<'s, 'a>;
    type SerializeTuple = Members<'s, 'a>;
    type SerializeTupleStruct = Members<'s, 'a>;
    type SerializeTupleVariant = Members<'s, 'a>;
    type SerializeMap = Members<'s, 'a>;
    type SerializeStruct = Members<'s, 'a>;
    type SerializeStructVariant = Members<'s, 'a>;

    fn serialize_str(self, text: &str) -> Result<(), Other> {
        // Without a short cut, so that many bytes are looked at in one step.
        let escaped = |so_far, byte: u8| so_far | (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        if text.bytes().fold(false, escaped) {
            return self.other(text);
        }
        self.take(b"\"")?;
        self.take(text.as_bytes())?;
        self.take(b"\"")
    }

    fn serialize_u64(self, value: u64) -> Result<(), Other> {
        self.number(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Other> {
        self.number(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Other> {
        self.number(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Other> {
        self.number(value.into())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Other> {
        self.other(value)
    }

    fn serialize_none(self) -> Result<(), Other> {
        self.take(b"null")
    }

    fn serialize_unit(self) -> Result<(), Other> {
        self.take(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Other> {
        self.take(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Other> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Other> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Other> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Other> {
        self.variant(variant, b"")?;
        value.serialize(&mut *self)?;
        self.take(b"}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'s, 'a>, Other> {
        self.take(b"[")?;
        Ok(Members { same: self, first: true, end: b"]" })
    }

    fn serialize_tuple(self, length: usize) -> Result<Members<'s, 'a>, Other> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Members<'s, 'a>, Other> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'s, 'a>, Other> {
        self.variant(variant, b"[")?;
        Ok(Members { same: self, first: true, end: b"]}" })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'s, 'a>, Other> {
        self.take(b"{")?;
        Ok(Members { same: self, first: true, end: b"}" })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Members<'s, 'a>, Other> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'s, 'a>, Other> {
        self.variant(variant, b"{")?;
        Ok(Members { same: self, first: true, end: b"}}" })
    }
}

impl SerializeSeq for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Other> {
        self.element(value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeTuple for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Other> {
        self.element(value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeTupleStruct for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Other> {
        self.element(value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeTupleVariant for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Other> {
        self.element(value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeStruct for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Other> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeStructVariant for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Other> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

impl SerializeMap for Members<'_, '_> {
    type Ok = ();
    type Error = Other;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Other> {
        self.element(name)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Other> {
        self.same.take(b":")?;
        value.serialize(&mut *self.same)
    }

    fn end(self) -> Result<(), Other> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Any {
        Unit,
        New(u64),
        Pair(u8, char),
        Named { text: String, list: Vec<Any>, none: Option<u8>, some: Option<i64> },
    }

    #[derive(Serialize)]
    struct All {
        any: Vec<Any>,
        map: BTreeMap<String, f64>,
        flag: bool,
        pair: (u16, ()),
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
    }

    fn all(text: &str, number: u64) -> All {
        let named = Any::Named {
            text: text.to_owned(),
            list: vec![Any::Unit, Any::New(number), Any::Pair(7, '"')],
            none: None,
            some: Some(-3),
        };
        let map = [(text.to_owned(), 1.5), (String::new(), 0.25)].into();
        All { any: vec![named], map, flag: true, pair: (9, ()), left_out: None }
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_same_and_nothing_else_is(
            text in ".*",
            number: u64,
            at: prop::sample::Index,
            bit in 0..8u8,
        ) {
            let value = all(&text, number);
            let bytes = serde_json::to_vec(&value).unwrap();
            prop_assert!(is_written_as(&value, &bytes));
            let mut other = bytes.clone();
            let at = at.index(bytes.len());
            other[at] ^= 1 << bit;
            prop_assert!(!is_written_as(&value, &other));
            prop_assert!(!is_written_as(&value, &bytes[..at]));
            prop_assert!(!is_written_as(&value, &[&bytes[..], b" "].concat()));
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_everywhere() {
        for number in [0, 1, 9, 10, 99, 100, u64::from(u32::MAX), u64::MAX] {
            assert!(is_written_as(&number, number.to_string().as_bytes()), "{number}");
        }
        for (number, text) in [(7u64, "07"), (7, "7.0"), (0, ""), (10, "1")] {
            assert!(!is_written_as(&number, text.as_bytes()), "{number} as {text}");
        }
    }
}
