/// What a person may do in a service, in effect: names, in order of id.
#[derive(Debug, Default)]
pub struct Effective {
    /// The roles they hold there, those of direct grants included.
    pub roles: Vec<String>,
    /// The permissions that these carry, each once.
    pub permissions: Vec<String>,
}

impl Effective {
    /// Whether all of `wanted` are among the permissions.
    pub fn allows(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|name| self.permissions.contains(name))
    }
}
