use std::str::FromStr;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What can be done that is worth keeping: `<noun>.<what became of it>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $variant,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

actions! {
    /// Somebody logged in.
    SessionCreated = "session.created",
    /// Somebody was not let in; `after` has the reason.
    LoginFailed = "login.failed",
    /// Somebody logged out, or ended one of their sessions.
    SessionRevoked = "session.revoked",
    /// A refresh token came again after somebody had used what it was exchanged for: its session has ended.
    RefreshReplayed = "refresh.replayed",
    /// A person was registered.
    UserCreated = "user.created",
    /// A person was changed.
    UserChanged = "user.changed",
    /// A person was removed.
    UserDeleted = "user.deleted",
    /// A person was barred.
    UserDisabled = "user.disabled",
    /// A person was let in again.
    UserEnabled = "user.enabled",
    /// An invitation to register was made.
    InvitationCreated = "invitation.created",
    /// An invitation was revoked before anybody had used it.
    InvitationRevoked = "invitation.revoked",
    /// Many people were registered at once.
    UsersImported = "users.imported",
    /// All people were exported.
    UsersExported = "users.exported",
    /// A password was replaced.
    PasswordChanged = "password.changed",
    /// A person turned their password off: passkeys open their account, and no password does.
    PasswordTurnedOff = "password.turned-off",
    /// A person added a passkey.
    PasskeyAdded = "passkey.added",
    /// A passkey was renamed.
    PasskeyChanged = "passkey.changed",
    /// A passkey was removed.
    PasskeyRemoved = "passkey.removed",
    /// A passkey has signed, but more often before than it says: there may be a copy of it. Nothing was opened.
    PasskeyCopied = "passkey.copied",
    /// Somebody asked for a new password, and it was sent to the person's address.
    PasswordResetSent = "password.reset-sent",
    /// A person proved that an address is theirs.
    EmailVerified = "email.verified",
    /// A person has proved anew, in the session that they had, who they are.
    SessionReauthenticated = "session.reauthenticated",
    /// A person got one second factor more.
    FactorAdded = "factor.added",
    /// A second factor got another name.
    FactorChanged = "factor.changed",
    /// A second factor was removed, or all of a person's.
    FactorRemoved = "factor.removed",
    /// A person got a new set of recovery codes.
    RecoveryCodesCreated = "recovery-codes.created",
    /// A person used a recovery code; `after` has how many are left.
    RecoveryCodeUsed = "recovery-code.used",
    /// A person's password is enough on a device from now on.
    DeviceTrusted = "device.trusted",
    /// It is so no longer.
    DeviceDistrusted = "device.distrusted",
    /// A service was registered.
    ServiceCreated = "service.created",
    /// A service was changed.
    ServiceChanged = "service.changed",
    /// A service was deleted.
    ServiceDeleted = "service.deleted",
    /// A role was made.
    RoleCreated = "role.created",
    /// A role was renamed.
    RoleChanged = "role.changed",
    /// A role was deleted.
    RoleDeleted = "role.deleted",
    /// A permission was made.
    PermissionCreated = "permission.created",
    /// A permission was renamed.
    PermissionChanged = "permission.changed",
    /// A permission was deleted.
    PermissionDeleted = "permission.deleted",
    /// A role carries one permission more.
    RolePermissionAdded = "role-permission.added",
    /// A role carries one permission less.
    RolePermissionRemoved = "role-permission.removed",
    /// A service offers one role more.
    ServiceRoleAdded = "service-role.added",
    /// A service offers one role less, and everybody there lost it.
    ServiceRoleRemoved = "service-role.removed",
    /// A person was given a role in a service.
    GrantAdded = "grant.added",
    /// The end or the reason of a person's role in a service was changed.
    GrantChanged = "grant.changed",
    /// A person's role in a service was reviewed and left.
    GrantConfirmed = "grant.confirmed",
    /// A person's role in a service came to its end.
    GrantExpired = "grant.expired",
    /// A role in a service was taken from a person.
    GrantRemoved = "grant.removed",
    /// A person was given a single permission in a service.
    DirectGrantAdded = "direct-grant.added",
    /// The end or the reason of a single permission was changed.
    DirectGrantChanged = "direct-grant.changed",
    /// A single permission was reviewed and left.
    DirectGrantConfirmed = "direct-grant.confirmed",
    /// A single permission came to its end.
    DirectGrantExpired = "direct-grant.expired",
    /// A single permission in a service was taken from a person.
    DirectGrantRemoved = "direct-grant.removed",
    /// A group was made.
    GroupCreated = "group.created",
    /// A group was renamed or described.
    GroupChanged = "group.changed",
    /// A group was deleted, and whoever was in it lost what it held.
    GroupDeleted = "group.deleted",
    /// A person was put into a group.
    GroupMemberAdded = "group-member.added",
    /// The end or the reason of a person's membership was changed.
    GroupMemberChanged = "group-member.changed",
    /// A person's membership came to its end.
    GroupMemberExpired = "group-member.expired",
    /// A person was taken out of a group.
    GroupMemberRemoved = "group-member.removed",
    /// A group was put into another.
    GroupNested = "group-nesting.added",
    /// The end or the reason for which a group is in another was changed.
    GroupNestingChanged = "group-nesting.changed",
    /// That a group was in another came to its end.
    GroupNestingExpired = "group-nesting.expired",
    /// A group was taken out of another.
    GroupUnnested = "group-nesting.removed",
    /// A group was given a role in a service.
    GroupGrantAdded = "group-grant.added",
    /// The end or the reason of a group's role in a service was changed.
    GroupGrantChanged = "group-grant.changed",
    /// A group's role in a service was reviewed and left.
    GroupGrantConfirmed = "group-grant.confirmed",
    /// A group's role in a service came to its end.
    GroupGrantExpired = "group-grant.expired",
    /// A role in a service was taken from a group.
    GroupGrantRemoved = "group-grant.removed",
    /// A service got a key.
    ServiceKeyCreated = "service-key.created",
    /// A service's key was revoked.
    ServiceKeyRevoked = "service-key.revoked",
    /// A service's key came to its end.
    ServiceKeyExpired = "service-key.expired",
    /// A service trusts an issuer of tokens.
    TrustedIssuerAdded = "trusted-issuer.added",
    /// In what a service trusts an issuer was changed.
    TrustedIssuerChanged = "trusted-issuer.changed",
    /// A service trusts an issuer no longer.
    TrustedIssuerRemoved = "trusted-issuer.removed",
    /// A client was registered.
    ClientCreated = "client.created",
    /// A client was changed.
    ClientChanged = "client.changed",
    /// A client was deleted, and all its tokens with it.
    ClientDeleted = "client.deleted",
    /// A client got another secret.
    ClientSecretCreated = "client-secret.created",
    /// A client's secret was revoked.
    ClientSecretRevoked = "client-secret.revoked",
    /// An initial access token was made, with which programs register themselves as clients.
    RegistrationTokenCreated = "registration-token.created",
    /// An initial access token was revoked.
    RegistrationTokenRevoked = "registration-token.revoked",
    /// A person let a client act for them; `after` has the scopes.
    ConsentGranted = "consent.granted",
    /// A person lets a client act for them no more.
    ConsentRevoked = "consent.revoked",
    /// A client was given a code, with which it gets tokens for a person.
    AuthorizationCreated = "authorization.created",
    /// A person did not let a device in.
    DeviceRefused = "device.refused",
    /// A client exchanged a token for one for a single service; `after` has whom it is about and all who act for them.
    TokenExchanged = "token.exchanged",
    /// What a client might do for a person has ended; `after` has the reason.
    AuthorizationRevoked = "authorization.revoked",
    /// A code came again after it was redeemed: all that it gave has ended.
    CodeReplayed = "code.replayed",
    /// A client's refresh token came again after it was exchanged: all tokens of that authorization have ended.
    ClientRefreshReplayed = "client-refresh.replayed",
    /// A policy was made.
    PolicyCreated = "policy.created",
    /// A policy was changed.
    PolicyChanged = "policy.changed",
    /// A policy was deleted.
    PolicyDeleted = "policy.deleted",
    /// A service declared a type of resource.
    ResourceTypeCreated = "resource-type.created",
    /// A type of resource was declared otherwise.
    ResourceTypeChanged = "resource-type.changed",
    /// A type of resource is declared no longer.
    ResourceTypeDeleted = "resource-type.deleted",
    /// What decides in a service was changed.
    PolicySettingsChanged = "policy-settings.changed",
    /// A service told of a resource; where it lies is told, not what it is like.
    ResourceCreated = "resource.created",
    /// A resource was told of otherwise.
    ResourceChanged = "resource.changed",
    /// A resource was deleted, and all beneath it; `after` has how many.
    ResourceDeleted = "resource.deleted",
    /// A service told of many resources at once.
    ResourcesPut = "resources.put",
    /// Many resources were deleted at once.
    ResourcesDeleted = "resources.deleted",
    /// Somebody, or a group, got a role on a resource and all beneath it.
    ResourceGrantAdded = "resource-grant.added",
    /// A role on a resource got another end or reason.
    ResourceGrantChanged = "resource-grant.changed",
    /// A role on a resource was reviewed and left.
    ResourceGrantConfirmed = "resource-grant.confirmed",
    /// A role on a resource came to its end.
    ResourceGrantExpired = "resource-grant.expired",
    /// A role on a resource was taken away.
    ResourceGrantRemoved = "resource-grant.removed",
    /// New signing keys were made.
    SigningKeysRotated = "signing-keys.rotated",
    /// Portero started with other settings than before.
    ConfigurationChanged = "configuration.changed",
    /// The audit trail was exported.
    AuditExported = "audit.exported",
    /// Old events were pruned; `after` has the position and the hash that the chain now begins from.
    AuditPruned = "audit.pruned",
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or_else(|| format!("`{text}` is not an action, such as `{}`", Self::GrantAdded.as_str()))
    }
}
