//! Lines, however they end: `\n`, `\r\n`, or `\r` alone, as old Macs and Excel's "CSV (Macintosh)" write.

use std::io::{self, BufRead};

use super::LONGEST;

/// How many lines end in what is read, a piece at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    is_after_return: bool,
}

impl Ends {
    /// How many end in the next piece.
    pub(super) fn count(&mut self, piece: &[u8]) -> u64 {
        let mut ends = 0;
        for byte in piece {
            ends += u64::from(*byte == b'\r' || *byte == b'\n' && !self.is_after_return);
            self.is_after_return = *byte == b'\r';
        }
        ends
    }
}

/// Reads a line with its end; an empty one at the end of the file. Between quotes, where those are obeyed, no line ends.
///
/// # Errors
/// When it is too long.
pub(super) fn read_line(input: &mut impl BufRead, obeys_quotes: bool) -> io::Result<Vec<u8>> {
    let (mut line, mut is_quoted, mut is_after_return) = (Vec::new(), false, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(line);
        }
        let (mut used, mut is_over) = (0, false);
        for byte in buffer {
            if is_after_return && *byte != b'\n' {
                is_over = true;
                break;
            }
            used += 1;
            is_quoted ^= obeys_quotes && *byte == b'"';
            is_over = *byte == b'\n' && !is_quoted;
            is_after_return = *byte == b'\r' && !is_quoted;
            if is_over {
                break;
            }
        }
        line.extend_from_slice(&buffer[..used]);
        input.consume(used);
        if is_over {
            return Ok(line);
        }
        if line.len() as u64 > LONGEST {
            return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
        }
    }
}
