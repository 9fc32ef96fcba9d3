use std::str::FromStr;

/// Who must have a second factor (`REQUIRE_MFA`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequireMfa {
    /// Nobody: who has one must use it.
    #[default]
    Off,
    /// Administrators of Portero.
    Administrators,
    /// Everybody.
    All,
}

impl RequireMfa {
    /// As it is set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Administrators => "administrators",
            Self::All => "all",
        }
    }

    /// Whether somebody must have one.
    pub const fn asks(self, is_administrator: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Administrators => is_administrator,
            Self::All => true,
        }
    }
}

impl FromStr for RequireMfa {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Off, Self::Administrators, Self::All];
        let found = all.into_iter().find(|own| own.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not one of off, administrators, all"))
    }
}
