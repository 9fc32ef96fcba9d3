//! The certificate that Portero shows, and its key: from files, checked before they are used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use pkcs8::der::{self, Decode, SliceReader, Tag, Tagged};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, ServerConfig};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// `TLS_CERTIFICATE_FILE` and `TLS_KEY_FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate and those between it and a root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// What was in the files.
#[derive(Debug)]
pub struct Read {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// A certificate that can be shown.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What speaks TLS with it: HTTP/2 where the other end can, otherwise HTTP/1.1.
    pub config: Arc<ServerConfig>,
    /// Its end.
    pub ends_at: OffsetDateTime,
}

impl Files {
    /// Reads both.
    ///
    /// # Errors
    /// Which one can't be read, and why.
    pub fn read(&self) -> anyhow::Result<Read> {
        let bytes = |setting: &str, path: &Path| {
            std::fs::read(path).with_context(|| format!("{setting}: can't read {}", path.display()))
        };
        let certificate = bytes("TLS_CERTIFICATE_FILE", &self.certificate)?;
        Ok(Read { certificate, key: bytes("TLS_KEY_FILE", &self.key)?.into() })
    }

    /// What they hold, if it is good at `now`.
    ///
    /// # Errors
    /// What is wrong: no certificate, no key, they do not match, or the certificate has ended.
    pub fn check(&self, read: &Read, now: OffsetDateTime) -> anyhow::Result<Certificate> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).with_context(|| {
            format!("TLS_CERTIFICATE_FILE: there is no certificate in {certificate} (PEM: -----BEGIN CERTIFICATE-----)")
        })?;
        let Ok(private) = PrivateKeyDer::from_pem_slice(&read.key) else {
            bail!(
                "TLS_KEY_FILE: there is no private key without a password in {key} (PEM: -----BEGIN PRIVATE KEY-----)"
            )
        };
        let ends_at = ends_at(&chain[0])
            .map_err(|_| anyhow::anyhow!("TLS_CERTIFICATE_FILE: the certificate in {certificate} can't be read"))?;
        if ends_at <= now {
            bail!("TLS_CERTIFICATE_FILE: the certificate in {certificate} has ended on {}: renew it", ends_at.date());
        }
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, private).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                anyhow::anyhow!("TLS_KEY_FILE: the key in {key} is not that of the certificate in {certificate}")
            }
            error => anyhow::anyhow!("TLS_CERTIFICATE_FILE, TLS_KEY_FILE: {error}"),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Certificate { config: Arc::new(config), ends_at })
    }
}

impl Read {
    /// Tells it apart from what was in the files at another time.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::new().chain_update(Sha256::digest(&self.certificate)).chain_update(&self.key).finalize().into()
    }
}

/// `notAfter` of a certificate (RFC 5280 section 4.1).
fn ends_at(certificate: &[u8]) -> der::Result<OffsetDateTime> {
    let whole = AnyRef::from_der(certificate)?;
    let mut parts = SliceReader::new(whole.value())?;
    let signed = AnyRef::decode(&mut parts)?;
    let mut fields = SliceReader::new(signed.value())?;
    // Version, where it is said, then serial number, algorithm and issuer.
    let first = AnyRef::decode(&mut fields)?;
    for _ in 0..if first.tag() == Tag::Integer { 2 } else { 3 } {
        AnyRef::decode(&mut fields)?;
    }
    let validity = AnyRef::decode(&mut fields)?;
    let mut times = SliceReader::new(validity.value())?;
    AnyRef::decode(&mut times)?;
    let ends_at = AnyRef::decode(&mut times)?;
    let since_1970 = match ends_at.tag() {
        Tag::UtcTime => ends_at.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => ends_at.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(OffsetDateTime::UNIX_EPOCH + since_1970)
}
