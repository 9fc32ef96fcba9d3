use crate::identity::mail::Content;
use crate::identity::mail::content::FEW;
use crate::identity::mail::letter::{LetterContext, Words, is_link, moment};

const IF_NOT_YOU: &str = "If that was not you, ask for a new password at once, and tell an administrator.";

const IF_NOT_YOU_PASSKEY: &str = "If that was not you, end your other sessions at once, and tell an administrator.";

const KEYS_STAY: &str = "Your API keys go on working. You revoke them on the page “API keys” of your account, or at DELETE /auth/me/keys/{id}.";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[expect(clippy::too_many_lines, reason = "a mail an arm")]
pub(in crate::identity::mail) fn say(about: &LetterContext<'_>, sender: &str) -> Words {
    let moment = |at| moment(at, &MONTHS, "");
    let (at, until) = (moment(about.at), moment(about.expires_at));
    let (subject, paragraphs) = match about.content {
        Content::PasswordReset { .. } => (
            format!("{sender}: a new password"),
            vec![
                format!("Somebody asked for a new password for your account at {sender}."),
                format!("Use this to set one. It works once and expires on {until}:"),
            ],
        ),
        Content::VerifyEmail => (
            format!("{sender}: is this your address?"),
            vec![
                format!("Somebody gave this e-mail address as theirs at {sender}."),
                format!("Use this to confirm it. It works once and expires on {until}:"),
            ],
        ),
        Content::Invitation { from } => (
            format!("{sender}: an invitation"),
            vec![
                match from.as_deref().filter(|from| !is_link(from)) {
                    Some(from) => format!("{from} invites you to {sender}."),
                    None => format!("You are invited to {sender}."),
                },
                format!("Use this invitation to create your account. It works once and expires on {until}:"),
            ],
        ),
        Content::NewDevice { address, user_agent } => (
            format!("{sender}: a login from a new device"),
            [
                Some(format!("Somebody logged in to your account on {at}, from the address {address}.")),
                about
                    .told(user_agent.as_deref().unwrap_or("(nothing)"))
                    .map(|device| format!("The device calls itself: {device}")),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        Content::PasswordChanged => (
            format!("{sender}: your password was changed"),
            [
                Some(format!("The password of your account was changed on {at}.")),
                about.has_api_keys.then(|| KEYS_STAY.to_owned()),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        Content::PasswordTurnedOff => (
            format!("{sender}: your password was turned off"),
            vec![
                format!("The password of your account was turned off on {at}. From now on you sign in with your passkeys."),
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyAdded { name } => (
            format!("{sender}: a new passkey"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("The passkey “{name}” was added to your account on {at}."),
                    None => format!("A passkey was added to your account on {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyRemoved { name } => (
            format!("{sender}: a passkey was removed"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("The passkey “{name}” was removed from your account on {at}."),
                    None => format!("A passkey was removed from your account on {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyCopied { name } => (
            format!("{sender}: there may be a copy of your passkey"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("Somebody tried to sign in with your passkey “{name}” on {at}, and was refused."),
                    None => format!("Somebody tried to sign in with one of your passkeys on {at}, and was refused."),
                },
                "It has signed more often than it says: somebody may have copied it. Remove this passkey, and add a new one."
                    .to_owned(),
            ],
        ),
        Content::EmailChanged => (
            format!("{sender}: your e-mail address was changed"),
            vec![
                format!("On {at} your account was given another e-mail address; no more mail comes to this one."),
                "If that was not you, tell an administrator at once.".to_owned(),
            ],
        ),
        Content::ApiKeyMade { name } => (
            format!("{sender}: a new API key"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => {
                        format!("On {at} an API key was made for your account, or for a robot of yours: {name}.")
                    }
                    None => format!("On {at} an API key was made for your account, or for a robot of yours."),
                },
                "It lets a program act for it until it expires or is revoked; a new password does not end it."
                    .to_owned(),
                "If that was not you, revoke the key, ask for a new password at once, and tell an administrator."
                    .to_owned(),
            ],
        ),
        Content::ApiKeyChanged { name } => (
            format!("{sender}: an API key was changed"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!(
                        "On {at} the end or the networks of an API key of yours, or of a robot of yours, were changed: {name}."
                    ),
                    None => {
                        format!("On {at} the end or the networks of an API key of yours, or of a robot of yours, were changed.")
                    }
                },
                "If that was not you, and nobody who looks after it, revoke the key and tell an administrator.".to_owned(),
            ],
        ),
        Content::UsernameChanged { username } => (
            format!("{sender}: your username was changed"),
            vec![
                match about.told(username) {
                    Some(username) => format!("Since {at} you log in as {username}."),
                    None => format!("The username of your account was changed on {at}."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::AccountLinked { provider } => (
            format!("{sender}: an account was linked"),
            vec![format!("Since {at} you can log in with your account at {provider}."), IF_NOT_YOU.to_owned()],
        ),
        Content::AccountUnlinked { provider } => (
            format!("{sender}: an account was unlinked"),
            vec![format!("Since {at} you can't log in with your account at {provider} any more."), IF_NOT_YOU.to_owned()],
        ),
        Content::FactorAdded { name } => (
            format!("{sender}: a new second factor"),
            vec![
                match about.told(name) {
                    Some(name) => format!("On {at} a second factor was added to your account: {name}."),
                    None => format!("On {at} a second factor was added to your account."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::FactorRemoved { name } => (
            format!("{sender}: a second factor was removed"),
            vec![
                match (name, name.as_deref().and_then(|name| about.told(name))) {
                    (None, _) => format!("On {at} all second factors of your account were removed."),
                    (Some(_), Some(name)) => format!("On {at} a second factor of your account was removed: {name}."),
                    (Some(_), None) => format!("On {at} a second factor of your account was removed."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::RecoveryCodeUsed { left } => (
            format!("{sender}: a recovery code was used"),
            [
                Some(format!("On {at} one of your recovery codes was used. You have {left} left.")),
                (*left <= FEW).then(|| {
                    "Make new ones soon: without any you can't log in once you lose your other factors.".to_owned()
                }),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
    };
    Words {
        subject,
        greeting: about.greeted().map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},")),
        paragraphs,
        label: match about.content {
            Content::PasswordReset { .. } => "Set a new password",
            Content::VerifyEmail => "Confirm this address",
            _ => "Create your account",
        },
        where_to: match about.content {
            Content::PasswordReset { .. } => "Enter it where you asked for a new password, and give it to nobody else.",
            Content::VerifyEmail => "Enter it where you gave this address, and give it to nobody else.",
            _ => "Enter it where you register, and give it to nobody else.",
        },
        unexpected: "If you did not expect this message, you can ignore it; nothing will change.",
    }
}
