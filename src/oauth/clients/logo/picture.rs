//! What may be a logo: a picture that browsers show and that runs nothing. No SVG.

use axum::body::Bytes;

/// No logo has more bytes.
pub const LARGEST: usize = 64 * 1024;

/// Nor more pixels on one side: a small file may hold a large picture.
const WIDEST: u32 = 1024;

/// A picture of known kind and size.
#[derive(Clone)]
pub struct Picture {
    /// What it is.
    pub media_type: &'static str,
    /// Width and height.
    pub size: (u32, u32),
    /// All of it.
    pub bytes: Bytes,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}, {:?}, {} bytes)", self.media_type, self.size, self.bytes.len())
    }
}

impl Picture {
    /// Reads a picture: what it is its first bytes say, whatever it is called.
    ///
    /// # Errors
    /// What it should be.
    pub fn read(bytes: Bytes) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            return Err(format!("is larger than {} KiB", LARGEST / 1024));
        }
        let (media_type, size) = match bytes.as_ref() {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("image/png", of_png(&bytes)),
            [0xff, 0xd8, 0xff, ..] => ("image/jpeg", of_jpeg(&bytes)),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ("image/webp", of_webp(&bytes)),
            _ => return Err("is not a PNG, JPEG or WebP".to_owned()),
        };
        let size = size.ok_or_else(|| format!("is not a whole {media_type}"))?;
        if !(1..=WIDEST).contains(&size.0) || !(1..=WIDEST).contains(&size.1) {
            return Err(format!("is {} × {} pixels: 1 to {WIDEST} each are allowed", size.0, size.1));
        }
        Ok(Self { media_type, size, bytes })
    }
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// Of its first chunk, `IHDR`.
fn of_png(bytes: &[u8]) -> Option<(u32, u32)> {
    let is_first = bytes.get(8..16)? == b"\0\0\0\x0dIHDR";
    let size = (big(bytes, 16, 4)?, big(bytes, 20, 4)?);
    is_first.then_some(size).filter(|_| bytes.ends_with(b"IEND\xae\x42\x60\x82"))
}

/// Of its frame header (`SOF`), which segments stand before.
fn of_jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        match *bytes.get(at + 1)? {
            // Filling.
            0xff => at += 1,
            // Without a length.
            0x01 | 0xd0..=0xd7 => at += 2,
            // All of them but tables and what is reserved.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((big(bytes, at + 7, 2)?, big(bytes, at + 5, 2)?));
            }
            // The picture, or its end, before its size.
            0xd8..=0xda => return None,
            _ => at += 2 + usize::try_from(big(bytes, at + 2, 2)?.max(2)).ok()?,
        }
    }
}

/// Of its first chunk, of which there are three kinds.
fn of_webp(bytes: &[u8]) -> Option<(u32, u32)> {
    if usize::try_from(little(bytes, 4, 4)?).ok()? + 8 > bytes.len() {
        return None;
    }
    match bytes.get(12..16)? {
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1)),
        b"VP8L" if *bytes.get(20)? == 0x2f => {
            let bits = little(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " if bytes.get(23..26)? == [0x9d, 0x01, 0x2a] => {
            Some((little(bytes, 26, 2)? & 0x3fff, little(bytes, 28, 2)? & 0x3fff))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x06\0\0\0....\0\0\0\0IEND\xae\x42\x60\x82");
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(&'static str, (u32, u32)), String> {
        Picture::read(Bytes::copy_from_slice(bytes)).map(|picture| (picture.media_type, picture.size))
    }

    #[test]
    fn a_picture_is_known_by_what_is_in_it() {
        assert_eq!(read(&png(64, 32)), Ok(("image/png", (64, 32))));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x20\0\x40\x03";
        assert_eq!(read(jpeg), Ok(("image/jpeg", (64, 32))));
        let lossless = b"RIFF\x11\0\0\0WEBPVP8L\x05\0\0\0\x2f\x3f\xc0\x07\0";
        assert_eq!(read(lossless), Ok(("image/webp", (64, 32))));
        let extended = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0";
        assert_eq!(read(extended), Ok(("image/webp", (64, 32))));
        let lossy = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0abc\x9d\x01\x2a\x40\0\x20\0";
        assert_eq!(read(lossy), Ok(("image/webp", (64, 32))));
    }

    #[test]
    fn what_is_no_picture_of_a_sane_size_is_refused() {
        for bad in [
            &b""[..],
            b"GIF89a\x40\0\x20\0",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<html>",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0\0",
            b"\xff\xd8\xff\xda\0\x04",
            b"RIFF\xff\xff\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0",
            b"RIFF\x04\0\0\0WEBP",
            &png(0, 10),
            &png(10, 1025),
            &png(u32::MAX, u32::MAX),
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&[png(8, 8), vec![0; LARGEST]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(kind in 0..3usize, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let begins = [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBPVP8"][kind];
            let _ = read(&[begins, &rest].concat());
        }
    }
}
