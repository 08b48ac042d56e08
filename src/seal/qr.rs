//! QR codes in pictures: what a provider's page shows at enrolment, saved as PNG
//! or JPEG. The picture is not kept; the decoders wipe none of their memory.

use crate::secret::SecretBytes;
use png::{ColorType, Transformations};
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Largest file that is looked at, in bytes.
pub const MAX_PICTURE: usize = 16 << 20;
/// Widest and highest picture, in pixels.
const MAX_SIDE: usize = 4096;
/// Longest text of a QR code: version 40, level L, in bytes.
const MAX_TEXT: usize = 2953;

/// Why no text was found in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// Not a picture of a kind that is read, or a damaged one.
    #[error("the picture is damaged, or wider or higher than {MAX_SIDE} pixels")]
    Picture,
    /// No QR code that can be read.
    #[error("there is no QR code in the picture that can be read")]
    None,
    /// More than one.
    #[error("there are {0} QR codes in the picture")]
    Several(usize),
}

/// Brightness of each pixel, row by row.
struct Grey {
    width: usize,
    height: usize,
    pixels: SecretBytes,
}

/// Whether bytes begin as a picture that [`read`] knows.
pub fn is_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.starts_with(b"\xff\xd8\xff")
}

/// The text of the one QR code in a PNG or JPEG file.
pub fn read(file: &SecretBytes) -> Result<SecretBytes, QrError> {
    let bytes = file.expose();
    let grey = if bytes.starts_with(b"\xff\xd8\xff") { jpeg(bytes) } else { png(bytes) };
    let grey = grey.ok_or(QrError::Picture)?;
    let pixel = |x: usize, y: usize| grey.pixels.expose().get(y * grey.width + x).copied().unwrap_or(255);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(grey.width, grey.height, pixel);
    let mut texts = Vec::new();
    for grid in image.detect_grids() {
        let mut text = Text { bytes: SecretBytes::zeroed(MAX_TEXT), length: 0 };
        if grid.decode_to(&mut text).is_ok() {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => Err(QrError::None),
        [text] => {
            let read = text.bytes.expose().get(..text.length).unwrap_or_default();
            let mut kept = SecretBytes::zeroed(read.len());
            kept.expose_mut().copy_from_slice(read);
            Ok(kept)
        }
        several => Err(QrError::Several(several.len())),
    }
}

/// Where a code's text is written to: it never grows, and is wiped.
struct Text {
    bytes: SecretBytes,
    length: usize,
}

impl std::io::Write for Text {
    fn write(&mut self, written: &[u8]) -> std::io::Result<usize> {
        let end = self.length + written.len();
        let place = self.bytes.expose_mut().get_mut(self.length..end);
        place.ok_or(std::io::ErrorKind::FileTooLarge)?.copy_from_slice(written);
        self.length = end;
        Ok(written.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn png(bytes: &[u8]) -> Option<Grey> {
    let limits = png::Limits { bytes: 4 * MAX_SIDE * MAX_SIDE };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = sides(reader.info().width.into(), reader.info().height.into())?;
    let mut frame = SecretBytes::zeroed(reader.output_buffer_size()?);
    let read = reader.next_frame(frame.expose_mut()).ok()?;
    let channels = match read.color_type {
        ColorType::Grayscale | ColorType::Indexed => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    };
    grey(&frame, channels, (width, height))
}

fn jpeg(bytes: &[u8]) -> Option<Grey> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let about = decoder.info()?;
    let (width, height) = sides(about.width.into(), about.height.into())?;
    let mut frame = SecretBytes::zeroed(decoder.output_buffer_size()?);
    decoder.decode_into(frame.expose_mut()).ok()?;
    let channels = frame.len().checked_div(width * height)?;
    grey(&frame, channels, (width, height))
}

fn sides(width: u64, height: u64) -> Option<(usize, usize)> {
    let side = |side: u64| usize::try_from(side).ok().filter(|side| (1..=MAX_SIDE).contains(side));
    Some((side(width)?, side(height)?))
}

/// One byte a pixel; what is transparent is white.
fn grey(frame: &SecretBytes, channels: usize, (width, height): (usize, usize)) -> Option<Grey> {
    let mut pixels = SecretBytes::zeroed(width * height);
    if channels == 0 || frame.len() < width * height * channels {
        return None;
    }
    for (place, pixel) in pixels.expose_mut().iter_mut().zip(frame.expose().chunks_exact(channels)) {
        *place = match pixel {
            [grey] => *grey,
            [grey, alpha] => over_white(*grey, *alpha),
            [r, g, b] => brightness(*r, *g, *b),
            [r, g, b, alpha] => over_white(brightness(*r, *g, *b), *alpha),
            _ => return None,
        };
    }
    Some(Grey { width, height, pixels })
}

/// Luma of ITU-R BT.601, in whole numbers.
fn brightness(r: u8, g: u8, b: u8) -> u8 {
    let sum = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    u8::try_from(sum / 1000).unwrap_or(u8::MAX)
}

fn over_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha) = (u32::from(grey), u32::from(alpha));
    u8::try_from((grey * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}
