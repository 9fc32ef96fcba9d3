use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::known::{DATABASE_PARAMETERS, KNOWN, OF_ONE_INSTANCE, port_for_others, probable_typo, set_for_others};
use crate::base::masked::{HIDDEN, without_secrets};
use crate::base::secret::Secret;
use crate::platform::database::Address;

/// All that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(Vec<String>);

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each fault, with an example of how to write it right on a second line.
    pub fn each(&self) -> &[String] {
        &self.0
    }
}

/// Variables being read, and the faults found so far.
pub(super) struct Settings {
    vars: BTreeMap<String, String>,
    faults: Vec<String>,
    without_effect: Vec<String>,
}

impl Settings {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { vars: vars.into_iter().collect(), faults: Vec::new(), without_effect: Vec::new() }
    }

    pub(super) fn fault(&mut self, name: &str, fault: &str, example: &str) {
        self.faults.push(format!("{name}: {fault}\n    for example: {name}={example}"));
    }

    pub(super) fn faults(self) -> Faults {
        Faults(self.faults)
    }

    /// The variables that are set, for the audit trail: those of secrets without their values, none with a password in a
    /// URL, and those that only say where one of several instances runs not at all.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let said = KNOWN.iter().filter(|name| !OF_ONE_INSTANCE.contains(name));
        let set = said.filter_map(|name| Some((*name, self.text(name)?)));
        let told = set.map(|(name, value)| {
            let is_secret = KNOWN.contains(&format!("{name}_FILE").as_str()) || name == "OTEL_EXPORTER_OTLP_HEADERS";
            (name.to_owned(), if is_secret { HIDDEN.to_owned() } else { without_secrets(&value) })
        });
        told.collect()
    }

    /// The files that `<name>_FILE` variables point to.
    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        // These are shown to everybody.
        let public = ["OUTBOUND_CA_FILE", "PAGES_LOGO_FILE", "TLS_CERTIFICATE_FILE"];
        let variables = KNOWN.iter().filter(|name| name.ends_with("_FILE") && !public.contains(name));
        variables.filter_map(|name| self.text(name)).map(PathBuf::from).collect()
    }

    /// A variable that is set to something.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A secret, from the variable or from the file that `<name>_FILE` points to.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let file_variable = format!("{name}_FILE");
        let file = self.text(&file_variable);
        let text = self.text(name);
        match (text, file) {
            (Some(_), Some(_)) => {
                self.fault(
                    &file_variable,
                    &format!("set together with {name}; set one of them"),
                    "/run/secrets/portero",
                );
                None
            }
            (Some(text), None) => Some(text.into()),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned().into()),
                Ok(_) => {
                    self.fault(&file_variable, &format!("the file {path} is empty"), "/run/secrets/portero");
                    None
                }
                Err(error) => {
                    self.fault(&file_variable, &format!("can't read {path}: {error}"), "/run/secrets/portero");
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// The URL of a Postgres database.
    pub(super) fn database_url(&mut self, name: &str) -> Option<Secret> {
        let url = self.secret(name)?;
        if let Err(fault) = Address::parse(url.expose()) {
            self.fault(name, &fault, "postgres://portero:secret@localhost:5432/portero");
        }
        for unknown in unknown_parameters(url.expose()) {
            self.without_effect.push(format!("{name}: Portero knows no parameter `{unknown}`, which so has no effect"));
        }
        Some(url)
    }

    pub(super) fn number<T>(&mut self, name: &str, default: T, min: T, max: T) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<T>() {
            Ok(number) if number >= min && number <= max => number,
            _ => {
                let fault = format!("`{}` is not a whole number from {min} to {max}", without_secrets(&text));
                self.fault(name, &fault, &default.to_string());
                default
            }
        }
    }

    /// Variables that were probably meant for us and are none of ours, and parameters that nobody knows.
    pub(super) fn probable_typos(&self) -> Vec<String> {
        let typos = self.vars.keys().filter_map(|name| probable_typo(name));
        let port = port_for_others(|name: &str| self.text(name).is_some());
        typos.chain(port).chain(self.without_effect.iter().cloned()).collect()
    }

    /// A variable that is called as others call theirs, where ours is not set.
    pub(super) fn set_for_others(&self) -> Option<String> {
        set_for_others(|name: &str| self.text(name).is_some())
    }
}

/// The parameters of a database URL that nobody reads. Their values, which may be secrets, are not told.
fn unknown_parameters(url: &str) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    let is_known = |name: &str| DATABASE_PARAMETERS.contains(&name) || name.starts_with("options[");
    names.filter(|name| !name.is_empty() && !is_known(name)).map(|name| name.escape_debug().to_string()).collect()
}
