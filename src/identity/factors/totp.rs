//! One-time passwords by time (RFC 6238): six digits, SHA-1, a new one every 30 seconds, as all authenticators know them.

use std::fmt;

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use time::OffsetDateTime;
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::Code;
use crate::base::error::{Error, Result};
use crate::gate::vault::VaultDoor;
use crate::platform::database::Db;

/// As long as its hash (RFC 4226 section 4, R6).
const BYTES: usize = 20;

/// How many seconds a code is good for.
const STEP: i64 = 30;

/// A clock may be wrong by one step (RFC 6238 section 5.2).
const SKEW: [i64; 3] = [0, -1, 1];

/// What secrets of one-time passwords are sealed as.
const SEALED_AS: &str = "secret of one-time passwords";

/// What somebody's authenticator and Portero share.
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(***)")
    }
}

impl TotpSecret {
    /// The secret that these random bytes are.
    pub fn of(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(random.iter().copied().take(BYTES).collect()))
    }

    /// Seals it; answers also by what.
    pub async fn seal(&self, vault: &VaultDoor, db: &Db) -> Result<(Vec<u8>, String)> {
        let vault = vault.vault(db).await?;
        Ok((vault.seal(SEALED_AS, &self.0)?, vault.fingerprint().to_owned()))
    }

    /// What [`Self::seal`] has sealed.
    pub async fn open(sealed: &[u8], vault: &VaultDoor, db: &Db) -> Result<Self> {
        let opened = vault.vault(db).await?.open(SEALED_AS, sealed);
        let opened = opened.ok_or_else(|| Error::Internal(anyhow::anyhow!("can't open the {SEALED_AS}")))?;
        Ok(Self(opened))
    }

    /// As people type it: base32.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(self.0.to_vec()).to_base32())
    }

    /// The address that authenticators read (`otpauth:`), for an account at `issuer`.
    pub fn address(&self, issuer: &str, account: &str) -> Result<Zeroizing<String>> {
        // A colon sets the two apart.
        let plain = |text: &str| text.replace(':', " ");
        let totp = self.builder().with_issuer(Some(plain(issuer))).with_account_name(plain(account));
        let address = totp.build().and_then(|totp| totp.to_url());
        address.map(Zeroizing::new).map_err(|error| Error::Internal(anyhow::anyhow!("otpauth: {error}")))
    }

    /// The step of a code that is good `now`: to be compared with the last one that was taken.
    pub fn step_of(&self, code: &Code, now: OffsetDateTime) -> Option<i64> {
        SKEW.into_iter().map(|skew| step_at(now) + skew).find(|step| self.is_of(code, *step))
    }

    /// The step of the second of two codes that follow each other, of which that one is good `now`.
    pub fn step_of_two(&self, codes: [&Code; 2], now: OffsetDateTime) -> Option<i64> {
        let [first, second] = codes;
        let steps = SKEW.into_iter().map(|skew| step_at(now) + skew);
        steps.into_iter().find(|step| self.is_of(first, step - 1) && self.is_of(second, *step))
    }

    fn is_of(&self, code: &Code, step: i64) -> bool {
        let Some(code) = code.bare().filter(|code| code.len() == 6) else { return false };
        let Ok(seconds) = u64::try_from(step * STEP) else { return false };
        let Ok(totp) = self.builder().build() else { return false };
        totp.check(&code, seconds).is_some()
    }

    fn builder(&self) -> Builder {
        let secret = Secret::from(self.0.to_vec());
        Totp::builder(secret)
    }
}

/// What this file needs of the library, in one place.
trait Ours {
    fn builder(secret: Secret) -> Builder;
}

impl Ours for Totp {
    fn builder(secret: Secret) -> Builder {
        let step = STEP.unsigned_abs();
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(0)
            .with_step_duration(step)
            .with_secret(secret)
    }
}

fn step_at(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(STEP)
}

/// An address as a picture, to be shown in a page as it is.
pub fn qr_code(address: &str) -> Result<String> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M);
    let code = code.map_err(|error| Error::Internal(anyhow::anyhow!("a QR code: {error}")))?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg).to_owned())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    /// That of RFC 6238, appendix B.
    fn secret() -> TotpSecret {
        TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn code(text: &str) -> Code {
        text.to_owned().into()
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // The last six digits of its eight.
        for (seconds, text) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().step_of(&code(text), at(seconds)), Some(seconds / 30), "{text}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_before_and_after_its_own_and_no_longer() {
        let good = |seconds: i64| secret().step_of(&code("081 804"), at(1_111_111_080 + seconds)).is_some();
        assert!(good(0) && good(29) && good(-30) && good(59));
        assert!(!good(-31) && !good(60));
        for bad in ["", "08180", "0818040", "o81804", "\u{0660}81804", "81804"] {
            assert_eq!(secret().step_of(&code(bad), at(1_111_111_109)), None, "{bad}");
        }
    }

    #[test]
    fn two_codes_must_follow_each_other() {
        let (first, second) = (code("081804"), code("050471"));
        assert_eq!(secret().step_of_two([&first, &second], at(1_111_111_111)), Some(37_037_037));
        assert_eq!(secret().step_of_two([&second, &first], at(1_111_111_111)), None);
        assert_eq!(secret().step_of_two([&second, &second], at(1_111_111_111)), None);
        assert_eq!(secret().step_of_two([&first, &second], at(1_111_111_200)), None, "too late");
    }

    #[test]
    fn authenticators_read_the_address_and_a_colon_is_no_border_of_it() {
        let address = secret().address("Port: Ero", "a:b").expect("an address");
        assert!(address.starts_with("otpauth://totp/Port%20%20Ero:a%20b?"), "{}", *address);
        let read = Totp::from_url(&*address).expect("what was written");
        assert_eq!(read.secret().as_ref(), b"12345678901234567890");
        let picture = qr_code(&address).expect("a picture");
        assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>"), "{picture}");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?} {:?}", secret(), code("081804")), "TotpSecret(***) Code(***)");
    }
}
