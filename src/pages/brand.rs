//! What the operator has decided of the pages: name, colour and logo.

use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::http::HeaderValue;
use sha2::{Digest, Sha256};

/// `PAGES_NAME`, `PAGES_COLOR`, `PAGES_LOGO_FILE`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What this place is called.
    pub name: String,
    /// The colour of its buttons.
    pub color: Color,
    /// Its logo.
    pub logo: Option<Logo>,
}

/// A colour, as `1f5fbf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// That of buttons where none is set.
    pub const DEFAULT: Self = Self([0x1f, 0x5f, 0xbf]);

    /// Black or white, whichever is read better on it: the contrast is at least 4.5 (WCAG 2.2, 1.4.3).
    fn on_it(self) -> &'static str {
        let light = self.luminance();
        if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 { "#ffffff" } else { "#000000" }
    }

    /// Relative luminance, as WCAG defines it.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let part = f64::from(channel) / 255.;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut channels = [0; 3];
        // In files of settings a `#` may begin a comment.
        let digits = text.strip_prefix('#').unwrap_or(text);
        hex::decode_to_slice(digits, &mut channels).map_err(|_| "is not a colour: six hex digits".to_owned())?;
        Ok(Self(channels))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", hex::encode(self.0))
    }
}

/// A picture, as browsers show it.
#[derive(Clone)]
pub struct Logo {
    media: &'static str,
    bytes: Bytes,
}

impl Logo {
    /// No logo has more bytes.
    pub const LARGEST: usize = 256 * 1024;

    /// Reads a picture.
    ///
    /// # Errors
    /// What it should be.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > Self::LARGEST {
            return Err(format!("is larger than {} KiB", Self::LARGEST / 1024));
        }
        let is_svg = || std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("<svg"));
        let media = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ if is_svg() => "image/svg+xml",
            _ => return Err("is not a PNG, JPEG, WebP or SVG".to_owned()),
        };
        Ok(Self { media, bytes: bytes.into() })
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.media, self.bytes.len())
    }
}

/// A file that pages load: its text never changes under one address.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Where it is, from the issuer on.
    pub path: String,
    /// Its media type.
    pub media: HeaderValue,
    /// What is in it.
    pub bytes: Bytes,
}

impl Asset {
    fn new(path: &str, media: &'static str, bytes: Bytes) -> Self {
        let version = hex::encode(&Sha256::digest(&bytes)[..8]);
        Self { path: format!("{path}?v={version}"), media: HeaderValue::from_static(media), bytes }
    }
}

const SCRIPT: &str = include_str!("passkey.js");

/// What all pages look like.
#[derive(Debug)]
pub struct Brand {
    /// What this place is called.
    pub name: String,
    /// The one stylesheet.
    pub style: Asset,
    /// What asks for passkeys.
    pub passkey_script: Asset,
    /// The logo.
    pub logo: Option<Asset>,
}

impl From<Settings> for Brand {
    fn from(settings: Settings) -> Self {
        let Settings { name, color, logo } = settings;
        let colors = format!(":root{{--accent:{color};--on-accent:{}}}\n", color.on_it());
        let style = colors + include_str!("style.css");
        Self {
            name,
            style: Asset::new("/pages/style.css", "text/css; charset=utf-8", style.into()),
            passkey_script: Asset::new("/pages/passkey.js", "text/javascript; charset=utf-8", SCRIPT.into()),
            logo: logo.map(|logo| Asset::new("/pages/logo", logo.media, logo.bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_any_colour_can_be_read() {
        for (red, green) in (0..=255).step_by(5).flat_map(|red| (0..=255).step_by(5).map(move |green| (red, green))) {
            for blue in (0..=255).step_by(15) {
                let color = Color([red, green, blue]);
                let light = color.luminance();
                let contrast = if color.on_it() == "#ffffff" { 1.05 / (light + 0.05) } else { (light + 0.05) / 0.05 };
                assert!(contrast >= 4.5, "{color}: {contrast}");
            }
        }
    }

    #[test]
    fn a_colour_is_six_hex_digits() {
        assert_eq!("1f5fbf".parse(), Ok(Color::DEFAULT));
        assert_eq!("#1F5FBF".parse::<Color>().map(|color| color.to_string()), Ok("#1f5fbf".to_owned()));
        for bad in ["", "#", "#fff", "##1f5fbf", "#1f5fbg", "red", "#1f5fbf;}"] {
            assert!(bad.parse::<Color>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_logo_is_known_by_what_is_in_it() {
        let media = |bytes: &[u8]| Logo::read(bytes.to_vec()).map(|logo| logo.media);
        assert_eq!(media(b"\x89PNG\r\n"), Ok("image/png"));
        assert_eq!(media(b"\xff\xd8\xff\xe0"), Ok("image/jpeg"));
        assert_eq!(media(b"RIFF\0\0\0\0WEBPVP8 "), Ok("image/webp"));
        assert_eq!(media(b"<?xml version=\"1.0\"?><svg/>"), Ok("image/svg+xml"));
        assert!(media(b"<html>").is_err() && media(&vec![0; Logo::LARGEST + 1]).is_err());
    }
}
