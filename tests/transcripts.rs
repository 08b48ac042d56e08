//! What the program says, word for word: help texts, and errors that need no
//! vault. `TRYCMD=overwrite cargo test --test transcripts` writes what it says
//! now; read the difference before you commit it.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[test]
fn transcripts() {
    // The width that help is wrapped to, whatever the terminal here.
    trycmd::TestCases::new().env("COLUMNS", "100").case("tests/transcripts/*.trycmd");
}
