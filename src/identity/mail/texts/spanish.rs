use crate::identity::mail::Content;
use crate::identity::mail::content::FEW;
use crate::identity::mail::letter::{LetterContext, Words, is_link, moment};

const IF_NOT_YOU: &str = "Si no fuiste tú, pide de inmediato una contraseña nueva y avisa a un administrador.";

const IF_NOT_YOU_PASSKEY: &str = "Si no fuiste tú, cierra de inmediato tus otras sesiones y avisa a un administrador.";

const KEYS_STAY: &str = "Tus claves de API siguen funcionando. Se revocan en la página «Claves de API» de tu cuenta o con DELETE /auth/me/keys/{id}.";

const MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

#[expect(clippy::too_many_lines, reason = "a mail an arm")]
pub(in crate::identity::mail) fn say(about: &LetterContext<'_>, sender: &str) -> Words {
    let moment = |at| moment(at, &MONTHS, "de ");
    let (at, until) = (moment(about.at), moment(about.expires_at));
    let (subject, paragraphs) = match about.content {
        Content::PasswordReset { .. } => (
            format!("{sender}: una contraseña nueva"),
            vec![
                format!("Alguien pidió una contraseña nueva para tu cuenta en {sender}."),
                format!("Usa esto para establecerla. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::VerifyEmail => (
            format!("{sender}: ¿es esta tu dirección?"),
            vec![
                format!("Alguien dio esta dirección de correo como suya en {sender}."),
                format!("Usa esto para confirmarla. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::Invitation { from } => (
            format!("{sender}: una invitación"),
            vec![
                match from.as_deref().filter(|from| !is_link(from)) {
                    Some(from) => format!("{from} te invita a {sender}."),
                    None => format!("Te invitamos a {sender}."),
                },
                format!("Usa esta invitación para crear tu cuenta. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::NewDevice { address, user_agent } => (
            format!("{sender}: inicio de sesión desde un dispositivo nuevo"),
            [
                Some(format!("Alguien inició sesión en tu cuenta el {at}, desde la dirección {address}.")),
                about
                    .told(user_agent.as_deref().unwrap_or("(nada)"))
                    .map(|device| format!("El dispositivo se presenta como: {device}")),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        Content::PasswordChanged => (
            format!("{sender}: tu contraseña cambió"),
            [
                Some(format!("La contraseña de tu cuenta cambió el {at}.")),
                about.has_api_keys.then(|| KEYS_STAY.to_owned()),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        Content::PasswordTurnedOff => (
            format!("{sender}: tu contraseña fue desactivada"),
            vec![
                format!("La contraseña de tu cuenta fue desactivada el {at}. Desde ahora entras con tus llaves de acceso."),
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyAdded { name } => (
            format!("{sender}: una llave de acceso nueva"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("La llave de acceso «{name}» fue agregada a tu cuenta el {at}."),
                    None => format!("Una llave de acceso fue agregada a tu cuenta el {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyRemoved { name } => (
            format!("{sender}: una llave de acceso fue eliminada"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("La llave de acceso «{name}» fue eliminada de tu cuenta el {at}."),
                    None => format!("Una llave de acceso fue eliminada de tu cuenta el {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyCopied { name } => (
            format!("{sender}: puede haber una copia de tu llave de acceso"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("Alguien intentó entrar con tu llave de acceso «{name}» el {at} y fue rechazado."),
                    None => format!("Alguien intentó entrar con una de tus llaves de acceso el {at} y fue rechazado."),
                },
                "Ha firmado más veces de lo que dice: puede que alguien la haya copiado. Elimina esta llave y agrega una nueva."
                    .to_owned(),
            ],
        ),
        Content::EmailChanged => (
            format!("{sender}: tu dirección de correo cambió"),
            vec![
                format!("El {at} tu cuenta recibió otra dirección de correo; a esta ya no llegará nada."),
                "Si no fuiste tú, avisa de inmediato a un administrador.".to_owned(),
            ],
        ),
        Content::ApiKeyMade { name } => (
            format!("{sender}: una clave de API nueva"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("El {at} se creó una clave de API para tu cuenta, o para un robot tuyo: {name}."),
                    None => format!("El {at} se creó una clave de API para tu cuenta, o para un robot tuyo."),
                },
                "Con ella un programa actúa en su nombre hasta que venza o se revoque; una contraseña nueva no la anula."
                    .to_owned(),
                "Si no fuiste tú, revoca la clave, pide una contraseña nueva de inmediato y avisa a un administrador."
                    .to_owned(),
            ],
        ),
        Content::UsernameChanged { username } => (
            format!("{sender}: tu nombre de usuario cambió"),
            vec![
                match about.told(username) {
                    Some(username) => format!("Desde el {at} inicias sesión como {username}."),
                    None => format!("El nombre de usuario de tu cuenta cambió el {at}."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::AccountLinked { provider } => (
            format!("{sender}: se vinculó una cuenta"),
            vec![format!("Desde el {at} puedes iniciar sesión con tu cuenta de {provider}."), IF_NOT_YOU.to_owned()],
        ),
        Content::AccountUnlinked { provider } => (
            format!("{sender}: se desvinculó una cuenta"),
            vec![
                format!("Desde el {at} ya no puedes iniciar sesión con tu cuenta de {provider}."),
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::FactorAdded { name } => (
            format!("{sender}: un segundo factor nuevo"),
            vec![
                match about.told(name) {
                    Some(name) => format!("El {at} se agregó un segundo factor a tu cuenta: {name}."),
                    None => format!("El {at} se agregó un segundo factor a tu cuenta."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::FactorRemoved { name } => (
            format!("{sender}: se quitó un segundo factor"),
            vec![
                match (name, name.as_deref().and_then(|name| about.told(name))) {
                    (None, _) => format!("El {at} se quitaron todos los segundos factores de tu cuenta."),
                    (Some(_), Some(name)) => format!("El {at} se quitó un segundo factor de tu cuenta: {name}."),
                    (Some(_), None) => format!("El {at} se quitó un segundo factor de tu cuenta."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::RecoveryCodeUsed { left } => (
            format!("{sender}: se usó un código de recuperación"),
            [
                Some(format!("El {at} se usó uno de tus códigos de recuperación. Te quedan {left}.")),
                (*left <= FEW).then(|| {
                    "Crea otros pronto: sin ninguno no podrás iniciar sesión si pierdes tus otros factores.".to_owned()
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
        greeting: about.greeted().map_or_else(|| "Hola:".to_owned(), |name| format!("Hola, {name}:")),
        paragraphs,
        label: match about.content {
            Content::PasswordReset { .. } => "Establecer una contraseña",
            Content::VerifyEmail => "Confirmar esta dirección",
            _ => "Crear mi cuenta",
        },
        where_to: match about.content {
            Content::PasswordReset { .. } => "Ingrésalo donde pediste la contraseña nueva y no se lo des a nadie más.",
            Content::VerifyEmail => "Ingrésalo donde diste esta dirección y no se lo des a nadie más.",
            _ => "Ingrésala donde te registras y no se la des a nadie más.",
        },
        unexpected: "Si no esperabas este mensaje, puedes ignorarlo: no cambiará nada.",
    }
}
