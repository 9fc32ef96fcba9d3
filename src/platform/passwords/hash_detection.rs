//! What looks like a password hash, of whichever kind: taken for a password it would be one that its owner does not know
//! and everybody who has the file does.

use super::unquoted::unquoted;

/// What starts like this, and of what it is a hash. The first that fits counts.
const BEGINNINGS: [(&str, &str); 41] = [
    ("$1$", "MD5-crypt ($1$)"),
    ("$apr1$", "Apache's MD5 ($apr1$)"),
    ("$2$", "the first bcrypt ($2$)"),
    ("$2a$", "bcrypt"),
    ("$2b$", "bcrypt"),
    ("$2y$", "bcrypt"),
    ("$3$", "NTLM ($3$)"),
    ("$7$", "scrypt as crypt(3) writes it ($7$)"),
    ("$8$", "Cisco ($8$)"),
    ("$9$", "Cisco ($9$)"),
    ("$gy$", "gost-yescrypt ($gy$)"),
    ("$sha1$", "SHA1-crypt ($sha1$)"),
    ("$md5", "Sun MD5 ($md5$)"),
    ("$bcrypt-sha256$", "passlib's bcrypt-sha256"),
    ("$pbkdf2", "PBKDF2"),
    ("$argon2", "Argon2"),
    ("$firescrypt$", "Firebase's scrypt as hashcat writes it; write it as `$fbscrypt$…`"),
    ("U$", "Drupal, after an upgrade from MD5"),
    ("SCRAM-SHA-", "SCRAM"),
    ("grub.pbkdf2.", "GRUB"),
    ("{noop}", "none: it is a password in plain text"),
    ("{plain}", "none: it is a password in plain text"),
    ("{cleartext}", "none: it is a password in plain text"),
    ("{MD5}", "MD5"),
    ("{SMD5}", "salted MD5"),
    ("{pbkdf2", "Spring Security's PBKDF2"),
    ("{scrypt", "Spring Security's scrypt"),
    ("{argon2", "Argon2"),
    ("{sha256}", "Spring Security's SHA-256"),
    ("unsalted_md5$", "MD5"),
    ("unsalted_sha1$", "SHA-1"),
    ("md5$", "Django's MD5"),
    ("sha1$", "Django's SHA-1"),
    ("crypt$", "DES-crypt"),
    (":pbkdf2:", "MediaWiki"),
    (":bcrypt:", "MediaWiki"),
    (":argon2:", "MediaWiki"),
    (":A:", "MediaWiki"),
    (":B:", "MediaWiki"),
    ("0x0100", "Microsoft SQL Server"),
    ("0x0200", "Microsoft SQL Server"),
];

/// Words that hashes begin with before their parts, between `$`, `:` or `#`.
const FUNCTIONS: [&str; 17] = [
    "pbkdf2",
    "scrypt",
    "bcrypt",
    "argon2",
    "yescrypt",
    "phpass",
    "md4",
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "hmac",
    "blake2",
    "ripemd",
    "whirlpool",
];

/// How long digests are, in hexadecimal.
const DIGESTS: [(usize, &str); 7] = [
    (32, "an MD5 or NTLM digest"),
    (40, "a SHA-1 digest"),
    (48, "a Tiger digest"),
    (56, "a SHA-224 digest"),
    (64, "a SHA-256 digest"),
    (96, "a SHA-384 digest"),
    (128, "a SHA-512 digest"),
];

/// Of what a text looks like a hash, if of anything.
pub(super) fn of(text: &str) -> Option<&'static str> {
    let text = text.trim_matches(['"', '\'', '`']);
    let beginning =
        BEGINNINGS.iter().find(|(beginning, _)| starts_with(text, beginning) && text.len() > beginning.len() + 8);
    beginning.map(|(_, kind)| *kind).or_else(|| by_shape(text))
}

fn starts_with(text: &str, beginning: &str) -> bool {
    let exact = beginning.len() < 5;
    let start = text.get(..beginning.len());
    start.is_some_and(|start| if exact { start == beginning } else { start.eq_ignore_ascii_case(beginning) })
}

fn by_shape(text: &str) -> Option<&'static str> {
    if between(text, '$', '$') {
        return Some("a kind that is written between `$`");
    }
    if between(text, '{', '}') {
        return Some("a scheme that is named between braces");
    }
    if is_mark_of_none(text) {
        return Some("none: it marks an account without a password, or a locked one");
    }
    let begins_with_a_function = FUNCTIONS.iter().any(|function| {
        let rest = text
            .get(..function.len())
            .filter(|start| start.eq_ignore_ascii_case(function))
            .map(|_| &text[function.len()..]);
        rest.is_some_and(|rest| rest.split(['$', ':', '#']).count() > 2)
    });
    if begins_with_a_function {
        return Some("a kind that its first word names");
    }
    if let Some(kind) = digest(text) {
        return Some(kind);
    }
    match text.as_bytes() {
        [b'*', rest @ ..] if rest.len() == 40 && rest.iter().all(u8::is_ascii_hexdigit) => return Some("MySQL"),
        [b'm', b'd', b'5', rest @ ..] if rest.len() == 32 && rest.iter().all(u8::is_ascii_hexdigit) => {
            return Some("PostgreSQL's MD5");
        }
        [b'_', rest @ ..]
            if rest.len() == 19 && rest.iter().all(|b| b.is_ascii_alphanumeric() || b"./".contains(b)) =>
        {
            return Some("BSDi's DES-crypt");
        }
        _ if starts_with(text, "AQAAAA") && text.len() >= 60 => return Some("ASP.NET Identity"),
        _ => {}
    }
    let mut parts = text.split(['$', ':', '.', '|', '#', ';']);
    let in_parts =
        parts.clone().count() > 1 && parts.any(|part| part.len() >= 32 && is_hex(part) || is_padded(part, 24));
    in_parts.then_some("a digest with a salt")
}

/// A digest alone, in hexadecimal or in Base64 with its padding.
fn digest(text: &str) -> Option<&'static str> {
    let digits = ["0x", "0X", "\\x"].iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text);
    if digits.len() >= 32 && is_hex(digits) {
        let kind = DIGESTS.iter().find(|(length, _)| digits.len() == *length).map(|(_, kind)| *kind);
        return Some(kind.unwrap_or("a digest in hexadecimal"));
    }
    let bytes = text.trim_end_matches('=').len() * 3 / 4;
    (is_padded(text, 24) && [16, 20, 28, 32, 64].contains(&bytes)).then_some("a digest in Base64")
}

/// Base64 that ends with what fills it up.
fn is_padded(text: &str, shortest: usize) -> bool {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    let of_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    text.len() >= shortest && (1..=2).contains(&padding) && text.len().is_multiple_of(4) && bare.bytes().all(of_base64)
}

/// `<open>word<close>more`.
fn between(text: &str, open: char, close: char) -> bool {
    let inner = text.strip_prefix(open).and_then(|rest| rest.split_once(close));
    inner.is_some_and(|(word, more)| {
        let of_word = |c: char| c.is_ascii_alphanumeric() || "-_@.,=+/".contains(c);
        let is_word = !word.is_empty() && word.len() <= 40 && word.chars().all(of_word);
        is_word && more.len() >= 8 && !more.contains(char::is_whitespace)
    })
}

/// What Django writes for nobody's password, and shadow(5) before that of a locked account.
fn is_mark_of_none(text: &str) -> bool {
    let rest = text.trim_start_matches('!');
    rest.len() < text.len()
        && (rest.len() == 40 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) || rest.starts_with('$'))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Why a text that is no hash that can be verified is refused where one is expected. It does not repeat the text.
pub(super) fn unknown(text: &str) -> String {
    let plain = unquoted(text);
    if plain != text && of(&plain).is_some() {
        return "looks like a hash that another program has written down: with quotes around it, or something before its \
                `$`; send it as it was made"
            .to_owned();
    }
    let kind = of(text).unwrap_or("a kind that Portero does not know");
    format!(
        "looks like a hash of {kind}, which Portero can't verify. Known are Argon2, bcrypt, scrypt, PBKDF2, SHA-crypt \
         ($5$, $6$), yescrypt, phpass, Drupal, LDAP's SHA schemes, and how Django, Werkzeug, WordPress, ASP.NET, \
         better-auth and Firebase write theirs. Leave it out, and this person chooses a password with a \
         forgotten-password mail; if it is a password, send it as `password`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_hash_is_seen() {
        for (text, kind) in [
            ("$1$abcdefgh$XA6TFHkaQlvOyaTmMKlbM/", "MD5-crypt"),
            ("$apr1$abcdefgh$XA6TFHkaQlvOyaTmMKlbM/", "Apache"),
            ("$2$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "first bcrypt"),
            ("$2y$10$short9chars", "bcrypt"),
            ("$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "$7$"),
            ("$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq", "SHA1"),
            ("$md5,rounds=904$iPPKEBnEkp3JV8uX$0L6m7rOFTVFn.SGqo2M9W1", "Sun"),
            ("$argon2id$nonsense", "Argon2"),
            ("$made-up$salt$output", "between `$`"),
            ("{MADE-UP}abcdefghijk", "braces"),
            ("{noop}correct horse", "plain text"),
            ("{SMD5}Rpuas24zNk8i9vuSSH/Rbf2uHNQ=", "MD5"),
            ("sha1$salt$e5fa44f2b31c1fb553b6021e7360d07d5d91ff5e", "SHA-1"),
            ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "MD5"),
            ("pbkdf2:sha256:1000$salt", "first word"),
            ("SHA256:1000:salt:aGFzaA==", "first word"),
            ("5f4dcc3b5aa765d61d8327deb882cf99", "MD5 or NTLM"),
            ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", "SHA-1"),
            (&"0a".repeat(28), "SHA-224"),
            (&"0a".repeat(32), "SHA-256"),
            (&"0a".repeat(48), "SHA-384"),
            (&"0a".repeat(64), "SHA-512"),
            ("aad3b435b51404eeaad3b435b51404ee:31d6cfe0d16ae931b73c59d7e0c089c0", "salt"),
            ("5f4dcc3b5aa765d61d8327deb882cf99:salt", "salt"),
            ("salt.9372e2d20f7c9ba55e54d10569dfe24824c5765383f46b040e9ac7b33041339c", "salt"),
            ("S:8F2D65FB5547B71C8DA3760F10960428CD307B1C6271691FC55C1F56554A", "salt"),
            ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "MySQL"),
            ("md55f4dcc3b5aa765d61d8327deb882cf99", "PostgreSQL"),
            ("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "SCRAM"),
            ("AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg/lFQcOA1On2wE5YZhLh7q7ntzP", "ASP.NET"),
            ("_J9..K0AyUubZBBcd0Ew", "BSDi"),
            (":B:838c83e1:e4ab7024509eef084cdabd03d8b2972c", "MediaWiki"),
            ("!9cbDYww2BKoNXpl6uLGsCBPSGZy6tduftFYNV5U7", "without a password"),
            ("!$6$saltsalt$abcdefgh", "locked"),
            ("0x01005F6B0D5F6B0D5F6B0D5F6B0D", "Microsoft"),
            ("\"$made-up$salt$output\"", "between `$`"),
            ("K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", "Base64"),
            ("5en6G6MezRroT3XKqkdPOmY/BfQ=", "Base64"),
            ("X03MO1qnZdYdgyfeuILPmQ==", "Base64"),
            ("c2FsdHNhbHQ=:K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", "with a salt"),
            (&format!("0x{}", "0a".repeat(36)), "hexadecimal"),
            ("\\x5f4dcc3b5aa765d61d8327deb882cf99", "MD5"),
            ("md5:1000:salt:aGFzaA==", "first word"),
            ("$shiro1$SHA-256$500000$c2FsdA==$aGFzaA==", "between `$`"),
        ] {
            assert!(of(text).is_some_and(|found| found.contains(kind)), "{text}: {:?}", of(text));
            assert!(!unknown(text).contains(text), "{text} is repeated");
        }
    }

    #[test]
    fn passwords_are_left_alone() {
        for password in [
            "",
            "juan-hash",
            "correct horse battery",
            "Pa$$w0rd",
            "a$b$c$d$e",
            "$ecret",
            "$5 for a $2 coffee",
            "{curly}",
            "{curly} zanahorias",
            "$5$ and another dollar",
            "hunter2:hunter3",
            "sha256 is fun",
            "scrypt: easy",
            "deadbeef",
            "0123456789",
            "abcdefghijklm",
            "*************",
            "!important!",
            "_underscore_",
            "http://10.0.0.1:80/",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72",
            "what is 1+1==",
        ] {
            assert_eq!(of(password), None, "{password}");
        }
    }
}
