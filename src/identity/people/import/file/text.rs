//! A file's text, in whichever of Unicode's encodings a program wrote it.

use std::io::{self, Read};

/// Reads UTF-8 and UTF-16, with a byte order mark or without, as UTF-8 without one.
pub(super) struct Utf8Reader<R> {
    input: R,
    /// Not known until something has been read.
    encoding: Option<Encoding>,
    /// Read, and not decoded yet.
    raw: Vec<u8>,
    /// Decoded, and not handed over yet: from `at` on.
    ready: Vec<u8>,
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

impl<R: Read> Utf8Reader<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input, encoding: None, raw: Vec::new(), ready: Vec::new(), at: 0 }
    }

    fn recognise(&mut self) -> io::Result<Encoding> {
        while self.raw.len() < 4 && self.fetch()? > 0 {}
        let (encoding, mark) = match self.raw[..] {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(unreadable("this is UTF-32")),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16 { big_endian: false }, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16 { big_endian: true }, 2),
            [1..=0xff, 0, 1..=0xff, 0, ..] => (Encoding::Utf16 { big_endian: false }, 0),
            [0, 1..=0xff, 0, 1..=0xff, ..] => (Encoding::Utf16 { big_endian: true }, 0),
            _ => (Encoding::Utf8, 0),
        };
        self.raw.drain(..mark);
        Ok(encoding)
    }

    fn fetch(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 8 * 1024];
        let length = loop {
            match self.input.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.raw.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// Decodes what has been read, but for half of a character at its end.
    fn decode(&mut self, big_endian: bool, is_end: bool) -> io::Result<()> {
        let broken = || unreadable("this looks like UTF-16, and half of a character is missing");
        let mut units: Vec<u16> = self.raw.chunks_exact(2).map(|pair| unit(pair, big_endian)).collect();
        let ends_in_half = units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
        if ends_in_half {
            units.pop();
        }
        self.raw.drain(..units.len() * 2);
        if is_end && !self.raw.is_empty() {
            return Err(broken());
        }
        let text: Result<String, _> = char::decode_utf16(units).collect();
        self.ready = text.map_err(|_| broken())?.into_bytes();
        self.at = 0;
        Ok(())
    }
}

fn unit(pair: &[u8], big_endian: bool) -> u16 {
    let pair = [pair[0], pair[1]];
    if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}; save it as UTF-8"))
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let encoding = if let Some(encoding) = self.encoding { encoding } else { self.recognise()? };
        self.encoding = Some(encoding);
        while self.at == self.ready.len() {
            match encoding {
                Encoding::Utf8 if self.raw.is_empty() => return self.input.read(buffer),
                Encoding::Utf8 => (self.ready, self.at) = (std::mem::take(&mut self.raw), 0),
                Encoding::Utf16 { big_endian } => {
                    let is_end = self.fetch()? == 0;
                    self.decode(big_endian, is_end)?;
                    if is_end && self.ready.is_empty() {
                        return Ok(0);
                    }
                }
            }
        }
        let length = buffer.len().min(self.ready.len() - self.at);
        buffer[..length].copy_from_slice(&self.ready[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
