//! A card's file for an envelope: its armour as one QR code, on a terminal, as SVG and
//! as a page of PDF. The page names neither person nor organisation. Reading one back
//! is [`super::qr`]'s and [`super::card_file`]'s.
//!
//! The PDF is written here: one page of ruled squares and of ASCII in two of the fonts
//! that every reader of PDF has (ISO 32000-1, 9.6.2.2) needs no library.

use super::card_file::CardFile;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Modules of margin that a reader needs on each side (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;
/// A4, in points.
const PAGE: (f64, f64) = (595.0, 842.0);
/// Left and right margin of the page, in points.
const MARGIN: f64 = 56.0;
/// Widest that the code is drawn, in points: 15 cm.
const WIDEST: f64 = 425.0;

/// What stands above the code.
const TITLE: &str = "Keep this sheet in a sealed envelope.";
const UNDER_PASSPHRASE: [&str; 3] = [
    "This is a copy of a card of warifu, encrypted under its owner's passphrase. The",
    "passphrase is not on it: without it the sheet is of no use, and nobody can bring a",
    "forgotten one back. Whoever has both has the card.",
];
const WRAPPED: [&str; 3] = [
    "This is a copy of a card of warifu, encrypted for a key that its owner keeps",
    "elsewhere, as an age identity or in a device. Without that key the sheet is of no",
    "use, and nobody can bring a lost one back. Whoever has both has the card.",
];
const TEXT: [&str; 4] = [
    "To make a card file of it again, scan or photograph the code, and run",
    "    warifu card restore PICTURE --out FILE",
    "It is the card as it was on the day of printing: when its owner has joined a further",
    "group or changed the passphrase, destroy this sheet and print another.",
];

/// A card's armour as a picture.
pub struct Paper {
    armour: String,
    wrapped: bool,
    width: usize,
    dark: Vec<bool>,
}

/// The armour is longer than one QR code holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the card is too long for one QR code: {length} characters")]
pub struct TooLong {
    /// Characters of its armour.
    pub length: usize,
}

impl Paper {
    /// Of a card. A quarter of a smaller code may be illegible, of a larger one less.
    pub fn of(card: &CardFile) -> Result<Self, TooLong> {
        let armour = card.armour();
        let levels = [EcLevel::Q, EcLevel::M, EcLevel::L];
        // The least of these still has modules of 1.2 mm on paper.
        let small = |code: &QrCode| code.width() <= 121;
        let made = |level| QrCode::with_error_correction_level(armour.as_bytes(), level).ok();
        let code = levels.into_iter().filter_map(made).find(small).or_else(|| made(EcLevel::L));
        let code = code.ok_or(TooLong { length: armour.len() })?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Ok(Self { armour, wrapped: card.wrapped().is_some(), width: code.width(), dark })
    }

    /// Modules of a side, margins included.
    pub fn side(&self) -> usize {
        self.width + 2 * QUIET
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        let place = inside(x).zip(inside(y)).map(|(x, y)| y * self.width + x);
        place.and_then(|place| self.dark.get(place)).copied().unwrap_or(false)
    }

    /// Runs of dark modules: row, first column, length; margins do not count.
    fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for (y, row) in self.dark.chunks(self.width).enumerate() {
            let mut x = 0;
            for same in row.chunk_by(|a, b| a == b) {
                if same.first() == Some(&true) {
                    runs.push((y, x, same.len()));
                }
                x += same.len();
            }
        }
        runs
    }

    /// For a terminal: two rows of modules a line, dark on light whatever the
    /// terminal's colours are.
    pub fn terminal(&self) -> String {
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            text.push_str("\x1b[30;107m");
            for x in 0..self.side() {
                text.push(match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                    (false, false) => ' ',
                    (true, false) => '\u{2580}',
                    (false, true) => '\u{2584}',
                    (true, true) => '\u{2588}',
                });
            }
            text.push_str("\x1b[0m\n");
        }
        text
    }

    /// The code alone, as SVG.
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for (y, x, length) in self.runs() {
            let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n<path d=\"{path}\" fill=\"#000\"/>\n</svg>\n"
        )
    }

    /// A page of A4: what it is, the code, and the armour as text in case that the code
    /// cannot be read.
    pub fn pdf(&self) -> Vec<u8> {
        let mut page = String::new();
        let mut y = PAGE.1 - MARGIN;
        line(&mut page, "F2", 15.0, (MARGIN, y), TITLE);
        let under = if self.wrapped { WRAPPED } else { UNDER_PASSPHRASE };
        for text in under.into_iter().chain(TEXT) {
            y -= if y > PAGE.1 - MARGIN - 1.0 { 24.0 } else { 14.0 };
            let font = if text.starts_with(' ') { "F3" } else { "F1" };
            line(&mut page, font, 10.5, (MARGIN, y), text);
        }
        let lines: Vec<&str> = self.armour.lines().collect();
        let (size, left) = fitted(lines.len(), y - MARGIN);
        let module = size / self.side() as f64;
        let (x, top) = ((PAGE.0 - size) / 2.0, y - 8.0);
        for (row, column, length) in self.runs() {
            let at = (x + (column + QUIET) as f64 * module, top - (row + QUIET + 1) as f64 * module);
            let _ = writeln!(page, "{:.3} {:.3} {:.3} {module:.3} re", at.0, at.1, length as f64 * module);
        }
        page.push_str("f\n");
        let (height, columns) = left;
        let rows = lines.len().div_ceil(columns);
        for (place, text) in lines.iter().enumerate() {
            let (column, row) = (place / rows, place % rows);
            // Courier's characters are 0.6 of its size wide; a line has 64.
            let x = MARGIN + column as f64 * (PAGE.0 - 2.0 * MARGIN) / columns as f64;
            let at = (x, top - size - 10.0 - row as f64 * height * 1.15);
            line(&mut page, "F3", height, at, text);
        }
        document(&page)
    }
}

/// Width of the code, and height and columns of the armour's lines below it, that fit
/// in so many points.
fn fitted(lines: usize, room: f64) -> (f64, (f64, usize)) {
    let height = |columns: usize| ((PAGE.0 - 2.0 * MARGIN) / columns as f64 / (66.0 * 0.6)).min(9.0);
    let columns = if lines > 20 { 2 } else { 1 };
    let text = lines.div_ceil(columns) as f64 * height(columns) * 1.15 + 20.0;
    (WIDEST.min(room - text), (height(columns), columns))
}

/// One line of ASCII; the texts here have none of the characters that PDF escapes, but
/// for brackets, which no line has.
fn line(page: &mut String, font: &str, size: f64, (x, y): (f64, f64), text: &str) {
    let _ = writeln!(page, "BT /{font} {size:.2} Tf {x:.2} {y:.2} Td ({text}) Tj ET");
}

/// A document of one page with these contents.
fn document(page: &str) -> Vec<u8> {
    let font = |name| format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} >>");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R /F3 7 0 R >> >> >>",
            PAGE.0, PAGE.1
        ),
        format!("<< /Length {} >>\nstream\n{page}endstream", page.len()),
        font("Helvetica"),
        font("Helvetica-Bold"),
        font("Courier"),
    ];
    let mut text = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(text.len());
        let _ = write!(text, "{number} 0 obj\n{object}\nendobj\n");
    }
    let table = text.len();
    let _ = write!(text, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        let _ = writeln!(text, "{place:010} 00000 n ");
    }
    let size = objects.len() + 1;
    let _ = write!(text, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::card::tests::card;
    use super::super::card_file::UnlockedCard;
    use super::super::passphrase::KdfParams;
    use super::*;
    use crate::secret::SecretBytes;
    use rand::{SeedableRng, rngs::StdRng};

    fn paper(armour: &str) -> Result<Paper, TooLong> {
        Paper::of(&CardFile::parse(armour.as_bytes()).unwrap())
    }

    fn armour(memberships: usize) -> String {
        let passphrase = SecretBytes::new(b"right".to_vec());
        let mut rng = StdRng::seed_from_u64(2);
        let card = UnlockedCard::protect(card(memberships), &passphrase, KdfParams::FLOOR, &mut rng);
        card.unwrap().armour(&mut rng)
    }

    /// As a scanner would see it, four pixels a module.
    fn scanned(paper: &Paper) -> String {
        let side = paper.side() * 4;
        let pixel = |x: usize, y: usize| if paper.is_dark(x / 4, y / 4) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, pixel);
        let grids = image.detect_grids();
        grids.first().expect("a code").decode().expect("legible").1
    }

    #[test]
    fn the_code_is_the_armour_and_nothing_else() {
        for memberships in [0, 4, 16] {
            let armour = armour(memberships);
            assert_eq!(scanned(&paper(&armour).unwrap()), armour, "{memberships}");
        }
    }

    #[test]
    fn a_card_of_many_groups_is_too_long() {
        let armour = armour(17);
        assert_eq!(paper(&armour).err(), Some(TooLong { length: armour.len() }));
    }

    #[test]
    fn every_object_of_the_page_lies_where_its_table_says() {
        let pdf = String::from_utf8(paper(&armour(0)).unwrap().pdf()).unwrap();
        let table: usize = pdf.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        let rows = pdf[table..].lines().skip(3).take_while(|line| line.ends_with(" n "));
        let mut objects = 0;
        for (number, row) in (1..).zip(rows) {
            let place: usize = row[..10].parse().unwrap();
            assert!(pdf[place..].starts_with(&format!("{number} 0 obj\n")), "{row}");
            objects += 1;
        }
        assert_eq!(objects, 7);
        let (_, stream) = pdf.split_once("stream\n").unwrap();
        let length: usize = pdf.split("/Length ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(stream[length..].starts_with("endstream"));
    }

    #[test]
    fn no_line_has_a_character_that_would_have_to_be_escaped() {
        let all = armour(16);
        let texts = TEXT.into_iter().chain(WRAPPED).chain(UNDER_PASSPHRASE).chain([TITLE]).chain(all.lines());
        assert!(texts.into_iter().all(|text| text.is_ascii() && !text.contains(['(', ')', '\\'])));
    }
}
