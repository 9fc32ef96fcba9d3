//! Whose certificates are believed: those that the machine believes, and those of a file besides.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::Failure;

/// What the operator decides of calls to others.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `OUTBOUND_ALLOW_INTERNAL`: addresses of this machine and its networks may be called, too.
    pub allows_internal: bool,
    /// `OUTBOUND_CA_FILE`: certificates that are believed besides, as authorities or as themselves.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// The certificates of a file in PEM.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let read = read.map_err(|_| "holds a certificate that can't be read".to_owned())?;
        if read.is_empty() {
            return Err("holds no certificate (PEM: -----BEGIN CERTIFICATE-----)".to_owned());
        }
        Ok(read)
    }

    /// What speaks TLS so, in HTTP/1.1. It reads files.
    pub(super) fn tls(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.authorities.iter().cloned());
        if roots.is_empty() {
            return Err(Failure::Refused(
                "this machine believes no certificate: install its ca-certificates, or set OUTBOUND_CA_FILE".to_owned(),
            ));
        }
        let provider = Arc::new(default_provider());
        let roots = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let roots = roots.map_err(|error| Failure::unreachable("certificates", error))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::unreachable("TLS", error))?;
        let builder = if self.authorities.is_empty() {
            builder.with_webpki_verifier(roots)
        } else {
            let themselves = self.authorities.clone();
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { roots, themselves }))
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Believes the certificates of the file also as themselves: those that sign themselves are often no good as authorities.
#[derive(Debug)]
struct Verifier {
    roots: Arc<WebPkiServerVerifier>,
    themselves: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.themselves.iter().any(|own| own == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}
