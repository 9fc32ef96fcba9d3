use base64ct::{Base64Unpadded, Encoding};

/// Reads Base64 in whichever of its ways another system wrote it: padded or not, with `+` and `/`, `-` and `_`, or
/// passlib's `.` for `+`.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' | '.' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    Base64Unpadded::decode_vec(&plain).ok().filter(|bytes| !bytes.is_empty())
}
