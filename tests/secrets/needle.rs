//! Finding a value in bytes, in the forms in which it could leak.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::collections::HashSet;

/// No form of a needle is shorter.
const SHORTEST: usize = 6;

/// Bytes to be searched for many needles.
pub struct Haystack<'a> {
    bytes: &'a [u8],
    /// Every run of [`SHORTEST`] bytes in them.
    runs: HashSet<&'a [u8]>,
}

impl<'a> Haystack<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, runs: bytes.windows(SHORTEST).collect() }
    }
}

/// Something recognisable that was given to the program.
pub struct Needle {
    pub what: String,
    bytes: Vec<u8>,
    /// What it looks like in each form.
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    pub fn new(what: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        let (what, bytes) = (what.into(), bytes.as_ref().to_vec());
        assert!(bytes.len() >= SHORTEST, "{what} is too short to be recognised");
        let mut forms = vec![
            ("plain", bytes.clone()),
            ("hexadecimal", HEXLOWER.encode(&bytes).into_bytes()),
            ("upper-case hexadecimal", HEXUPPER.encode(&bytes).into_bytes()),
        ];
        // Where it begins within the encoded bytes decides what it looks like;
        // characters that share bits with its neighbours are left out.
        for before in 0..3 {
            for (form, encoding) in [("base 64", &BASE64_NOPAD), ("base 64 for URLs", &BASE64URL_NOPAD)] {
                forms.push((form, inner(encoding, &bytes, before, 6)));
            }
        }
        for before in 0..5 {
            forms.push(("base 32", inner(&BASE32_NOPAD, &bytes, before, 5)));
        }
        assert!(forms.iter().all(|(_, form)| form.len() >= SHORTEST));
        Self { what, bytes, forms }
    }

    /// In which form it stands there, if it does.
    pub fn found_in(&self, text: &[u8]) -> Option<&'static str> {
        self.found(&Haystack::new(text))
    }

    pub fn found(&self, text: &Haystack<'_>) -> Option<&'static str> {
        let there = |form: &[u8]| text.runs.contains(&form[..SHORTEST]) && self.stands_in(form, text.bytes);
        self.forms.iter().find(|(_, form)| there(form)).map(|(name, _)| *name)
    }

    /// Six digits are found by chance within longer numbers and hexadecimal, so
    /// they count only where they stand apart.
    fn stands_in(&self, form: &[u8], text: &[u8]) -> bool {
        let code = form == self.bytes && form.len() == 6 && form.iter().all(u8::is_ascii_digit);
        let apart = |place: Option<&u8>| !place.is_some_and(u8::is_ascii_alphanumeric);
        places(form, text).any(|at| {
            !code || (apart(at.checked_sub(1).and_then(|i| text.get(i))) && apart(text.get(at + form.len())))
        })
    }

    /// It must be found in each form, wherever it stands.
    pub fn can_be_found(&self) {
        let around = |encoded: String| format!("{{\"text\":\"{encoded}\"}}").into_bytes();
        for before in 0..7 {
            for after in 0..7 {
                let stuffed = [&vec![b'/'; before][..], &self.bytes, &vec![b'/'; after]].concat();
                for text in [
                    stuffed.clone(),
                    around(HEXLOWER.encode(&stuffed)),
                    around(HEXUPPER.encode(&stuffed)),
                    around(BASE64_NOPAD.encode(&stuffed)),
                    around(BASE64URL_NOPAD.encode(&stuffed)),
                    around(BASE32_NOPAD.encode(&stuffed)),
                ] {
                    assert!(self.found_in(&text).is_some(), "{} would not be found", self.what);
                }
                let mut altered = stuffed;
                altered[before] ^= 1;
                assert!(self.found_in(&altered).is_none(), "{} is found where it is not", self.what);
            }
        }
    }
}

fn places<'a>(form: &'a [u8], text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = form[0];
    let starts = text.iter().enumerate().filter(move |(_, byte)| **byte == first).map(|(at, _)| at);
    starts.filter(move |at| text[*at..].starts_with(form))
}

fn inner(encoding: &data_encoding::Encoding, bytes: &[u8], before: usize, bits: usize) -> Vec<u8> {
    let all = encoding.encode(&[&vec![0; before], bytes].concat());
    let whole = (before + bytes.len()) * 8 / bits;
    all.as_bytes()[(before * 8).div_ceil(bits)..whole].to_vec()
}
