//! Settings of what others name and bring: addresses that are called, clients that come by themselves.

use super::read::Settings;
use crate::base::id::{Ref, ServiceId};
use crate::platform::outbound;

impl Settings {
    /// `OUTBOUND_ALLOW_INTERNAL`, `OUTBOUND_CA_FILE`.
    pub(super) fn outbound(&mut self) -> outbound::Settings {
        let allows_internal = self.flag("OUTBOUND_ALLOW_INTERNAL");
        outbound::Settings { allows_internal, authorities: self.authorities().unwrap_or_default() }
    }

    fn authorities(&mut self) -> Option<Vec<rustls::pki_types::CertificateDer<'static>>> {
        let path = self.text("OUTBOUND_CA_FILE")?;
        let bytes = std::fs::read(&path).map_err(|error| format!("can't read {path}: {error}"));
        let read = bytes
            .and_then(|bytes| outbound::Settings::read_authorities(&bytes).map_err(|fault| format!("{path} {fault}")));
        read.map_err(|fault| self.fault("OUTBOUND_CA_FILE", &fault, "/etc/portero/internal-ca.pem")).ok()
    }

    /// `CLIENT_REGISTRATION`.
    pub(super) fn client_registration(&mut self) -> bool {
        self.flag("CLIENT_REGISTRATION")
    }

    /// `CLIENT_ID_METADATA_SERVICE`.
    pub(super) fn document_service(&mut self) -> Option<Ref<ServiceId>> {
        self.text("CLIENT_ID_METADATA_SERVICE").map(|service| Ref::parse(&service))
    }

    /// What is on or off: off by default.
    fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.fault(name, "is neither `true` nor `false`", "true");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::app::config::Config;

    #[test]
    fn what_others_bring_is_off_unless_it_is_switched_on() {
        let read = |vars: &[(&str, &str)]| {
            Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let config = read(&[]).expect("defaults");
        assert!(!config.outbound.allows_internal && config.outbound.authorities.is_empty());
        assert!(!config.client_registration && config.document_service.is_none());
        let on = [("OUTBOUND_ALLOW_INTERNAL", "true"), ("CLIENT_REGISTRATION", "true")];
        let config = read(&[on[0], on[1], ("CLIENT_ID_METADATA_SERVICE", "Assistants")]).expect("settings");
        assert!(config.outbound.allows_internal && config.client_registration && config.document_service.is_some());
        let faulty = read(&[
            ("OUTBOUND_ALLOW_INTERNAL", "yes"),
            ("CLIENT_REGISTRATION", "1"),
            ("OUTBOUND_CA_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        ]);
        let said = faulty.expect_err("faults").to_string();
        for name in ["OUTBOUND_ALLOW_INTERNAL", "CLIENT_REGISTRATION", "OUTBOUND_CA_FILE"] {
            assert!(said.contains(name), "{name}: {said}");
        }
    }
}
