use crate::mail::Content;
use crate::mail::letter::{About, Words, moment};

const IF_NOT_YOU: &str = "Si no fuiste tú, pide de inmediato una contraseña nueva y avisa a un administrador.";

pub(in crate::mail) fn say(about: &About<'_>, sender: &str) -> Words {
    let (at, until) = (moment(about.at), moment(about.expires_at));
    let (subject, paragraphs) = match about.content {
        Content::PasswordReset { .. } => (
            format!("{sender}: una contraseña nueva"),
            vec![
                format!("Alguien pidió una contraseña nueva para tu cuenta en {sender}."),
                format!("Con esto se establece, una sola vez, hasta {until}:"),
            ],
        ),
        Content::VerifyEmail => (
            format!("{sender}: ¿es esta tu dirección?"),
            vec![
                format!("Alguien dijo que esta es la dirección de correo de su cuenta en {sender}."),
                format!("Con esto se confirma, una sola vez, hasta {until}:"),
            ],
        ),
        Content::Invitation { from } => (
            format!("{sender}: una invitación"),
            vec![
                match from {
                    Some(from) => format!("{from} te invita a registrarte en {sender}."),
                    None => format!("Te invitamos a registrarte en {sender}."),
                },
                format!("Con esto te registras, una sola vez, hasta {until}:"),
            ],
        ),
        Content::NewDevice { address, user_agent } => (
            format!("{sender}: inicio de sesión desde un dispositivo nuevo"),
            vec![
                format!("Alguien inició sesión en tu cuenta el {at}, desde la dirección {address}."),
                format!("El dispositivo se presenta como: {}", user_agent.as_deref().unwrap_or("(nada)")),
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::PasswordChanged => (
            format!("{sender}: tu contraseña cambió"),
            vec![format!("La contraseña de tu cuenta cambió el {at}."), IF_NOT_YOU.to_owned()],
        ),
        Content::EmailChanged => (
            format!("{sender}: tu dirección de correo cambió"),
            vec![
                format!("Desde el {at} tu cuenta tiene otra dirección de correo; a esta ya no llegará nada."),
                "Si no fuiste tú, avisa de inmediato a un administrador.".to_owned(),
            ],
        ),
        Content::UsernameChanged { username } => (
            format!("{sender}: tu nombre de usuario cambió"),
            vec![format!("Desde el {at} inicias sesión como {username}."), IF_NOT_YOU.to_owned()],
        ),
    };
    Words {
        subject,
        greeting: about.name.map_or_else(|| "Hola:".to_owned(), |name| format!("Hola, {name}:")),
        paragraphs,
        label: match about.content {
            Content::PasswordReset { .. } => "Establecer una contraseña",
            Content::VerifyEmail => "Confirmar esta dirección",
            _ => "Registrarme",
        },
        with_link: "Si no sabes de qué se trata, no hagas nada: sin ti no pasa nada.",
        without_link: "Dáselo a la aplicación en la que lo pediste, y a nadie más. Si no sabes de qué se trata, no \
                       hagas nada: sin ti no pasa nada.",
    }
}
