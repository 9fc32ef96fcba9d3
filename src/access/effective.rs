use std::sync::Arc;

/// What a person may do in a service, in effect: names, in order of id.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// The roles they hold there, those of direct grants included.
    pub roles: Vec<Arc<str>>,
    /// The permissions that these carry, each once.
    pub permissions: Vec<Arc<str>>,
}

impl Effective {
    /// Whether all of `wanted` are among the permissions.
    pub fn allows(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|name| self.permissions.iter().any(|held| **held == **name))
    }
}
