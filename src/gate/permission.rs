//! The catalogue of Portero's own permissions, each a type, so that a handler can ask for one in its signature.
//! The migration `portero_itself` has the same rows; a test compares the two.

use crate::base::id::PermissionId;

/// One of Portero's own permissions.
pub trait BuiltIn: Send + Sync + 'static {
    /// Its row.
    const ID: PermissionId;
    const NAME: &'static str;
}

macro_rules! catalogue {
    (@count $($type:ident)+) => { [$(stringify!($type)),+].len() };
    ($($(#[$doc:meta])* $type:ident = $id:literal, $name:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $type {}

            impl BuiltIn for $type {
                const ID: PermissionId = PermissionId($id);
                const NAME: &'static str = $name;
            }
        )+

        /// All of them: id and name.
        pub const ALL: [(PermissionId, &str); catalogue!(@count $($type)+)] = [$(($type::ID, $type::NAME)),+];
    };
}

catalogue! {
    /// See people.
    ReadUsers = 0, "users:read";
    /// Register, change, disable and delete people.
    WriteUsers = -1, "users:write";
    /// See roles and their permissions.
    ReadRoles = -2, "roles:read";
    /// Make, change and delete roles, and decide which permissions they carry.
    WriteRoles = -3, "roles:write";
    /// See permissions.
    ReadPermissions = -4, "permissions:read";
    /// Make, change and delete permissions.
    WritePermissions = -5, "permissions:write";
    /// See services and the roles they offer.
    ReadServices = -6, "services:read";
    /// Make, change and delete services.
    WriteServices = -7, "services:write";
    /// See who holds what.
    ReadGrants = -8, "grants:read";
    /// Decide which roles a service offers and who holds what in it.
    WriteGrants = -9, "grants:write";
    /// Read the audit trail.
    ReadAudit = -10, "audit:read";
}
