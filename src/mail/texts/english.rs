use crate::mail::Content;
use crate::mail::letter::{About, Words, moment};

const IF_NOT_YOU: &str = "If that was not you, ask for a new password at once, and tell an administrator.";

pub(in crate::mail) fn say(about: &About<'_>, sender: &str) -> Words {
    let (at, until) = (moment(about.at), moment(about.expires_at));
    let (subject, paragraphs) = match about.content {
        Content::PasswordReset { .. } => (
            format!("{sender}: a new password"),
            vec![
                format!("Somebody asked for a new password for your account at {sender}."),
                format!("This sets one, once, until {until}:"),
            ],
        ),
        Content::VerifyEmail => (
            format!("{sender}: is this your address?"),
            vec![
                format!("Somebody said that this is the e-mail address of their account at {sender}."),
                format!("This confirms it, once, until {until}:"),
            ],
        ),
        Content::Invitation { from } => (
            format!("{sender}: an invitation"),
            vec![
                match from {
                    Some(from) => format!("{from} invites you to register at {sender}."),
                    None => format!("You are invited to register at {sender}."),
                },
                format!("This registers you, once, until {until}:"),
            ],
        ),
        Content::NewDevice { address, user_agent } => (
            format!("{sender}: a login from a new device"),
            vec![
                format!("Somebody logged in to your account at {at}, from the address {address}."),
                format!("The device calls itself: {}", user_agent.as_deref().unwrap_or("(nothing)")),
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::PasswordChanged => (
            format!("{sender}: your password was changed"),
            vec![format!("The password of your account was changed at {at}."), IF_NOT_YOU.to_owned()],
        ),
        Content::EmailChanged => (
            format!("{sender}: your e-mail address was changed"),
            vec![
                format!("Since {at} your account has another e-mail address; no more mail comes to this one."),
                "If that was not you, tell an administrator at once.".to_owned(),
            ],
        ),
        Content::UsernameChanged { username } => (
            format!("{sender}: your username was changed"),
            vec![format!("Since {at} you log in as {username}."), IF_NOT_YOU.to_owned()],
        ),
    };
    Words {
        subject,
        greeting: about.name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},")),
        paragraphs,
        label: match about.content {
            Content::PasswordReset { .. } => "Set a new password",
            Content::VerifyEmail => "Confirm this address",
            _ => "Register",
        },
        with_link: "If you don't know of this, do nothing: without you nothing happens.",
        without_link: "Give it to the application that you asked, and to nobody else. If you don't know of this, do \
                       nothing: without you nothing happens.",
    }
}
