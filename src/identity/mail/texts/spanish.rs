use crate::identity::mail::Content;
use crate::identity::mail::content::FEW;
use crate::identity::mail::letter::{LetterContext, Words, is_link, moment};

const IF_NOT_YOU: &str = "Si no fue usted, pida de inmediato una contraseña nueva y avise a un administrador.";

const IF_NOT_YOU_PASSKEY: &str = "Si no fue usted, cierre de inmediato sus otras sesiones y avise a un administrador.";

const KEYS_STAY: &str = "Sus claves de API siguen funcionando. Se revocan en la página «Claves de API» de su cuenta o con DELETE /auth/me/keys/{id}.";

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
                format!("Alguien pidió una contraseña nueva para su cuenta en {sender}."),
                format!("Use esto para establecerla. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::VerifyEmail => (
            format!("{sender}: ¿es esta su dirección?"),
            vec![
                format!("Alguien dio esta dirección de correo como suya en {sender}."),
                format!("Use esto para confirmarla. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::Invitation { from } => (
            format!("{sender}: una invitación"),
            vec![
                match from.as_deref().filter(|from| !is_link(from)) {
                    Some(from) => format!("{from} le invita a {sender}."),
                    None => format!("Le invitamos a {sender}."),
                },
                format!("Use esta invitación para crear su cuenta. Sirve una sola vez y vence el {until}:"),
            ],
        ),
        Content::NewDevice { address, user_agent } => (
            format!("{sender}: inicio de sesión desde un dispositivo nuevo"),
            [
                Some(format!("Alguien inició sesión en su cuenta el {at}, desde la dirección {address}.")),
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
            format!("{sender}: su contraseña cambió"),
            [
                Some(format!("La contraseña de su cuenta cambió el {at}.")),
                about.has_api_keys.then(|| KEYS_STAY.to_owned()),
                Some(IF_NOT_YOU.to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        Content::PasswordTurnedOff => (
            format!("{sender}: su contraseña fue desactivada"),
            vec![
                format!("La contraseña de su cuenta fue desactivada el {at}. Desde ahora entra con sus llaves de acceso."),
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyAdded { name } => (
            format!("{sender}: una llave de acceso nueva"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("La llave de acceso «{name}» fue agregada a su cuenta el {at}."),
                    None => format!("Una llave de acceso fue agregada a su cuenta el {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyRemoved { name } => (
            format!("{sender}: una llave de acceso fue eliminada"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("La llave de acceso «{name}» fue eliminada de su cuenta el {at}."),
                    None => format!("Una llave de acceso fue eliminada de su cuenta el {at}."),
                },
                IF_NOT_YOU_PASSKEY.to_owned(),
            ],
        ),
        Content::PasskeyCopied { name } => (
            format!("{sender}: puede haber una copia de su llave de acceso"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("Alguien intentó entrar con su llave de acceso «{name}» el {at} y fue rechazado."),
                    None => format!("Alguien intentó entrar con una de sus llaves de acceso el {at} y fue rechazado."),
                },
                "Ha firmado más veces de lo que dice: puede que alguien la haya copiado. Elimine esta llave y agregue una nueva."
                    .to_owned(),
            ],
        ),
        Content::EmailChanged => (
            format!("{sender}: su dirección de correo cambió"),
            vec![
                format!("El {at} su cuenta recibió otra dirección de correo; a esta ya no llegará nada."),
                "Si no fue usted, avise de inmediato a un administrador.".to_owned(),
            ],
        ),
        Content::ApiKeyMade { name } => (
            format!("{sender}: una clave de API nueva"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!("El {at} se creó una clave de API para su cuenta, o para un robot suyo: {name}."),
                    None => format!("El {at} se creó una clave de API para su cuenta, o para un robot suyo."),
                },
                "Con ella un programa actúa en su nombre hasta que venza o se revoque; una contraseña nueva no la anula."
                    .to_owned(),
                "Si no fue usted, revoque la clave, pida una contraseña nueva de inmediato y avise a un administrador."
                    .to_owned(),
            ],
        ),
        Content::ApiKeyChanged { name } => (
            format!("{sender}: una clave de API cambió"),
            vec![
                match about.told(name).filter(|name| !is_link(name)) {
                    Some(name) => format!(
                        "El {at} cambió el vencimiento o las redes de una clave de API suya, o de un robot suyo: {name}."
                    ),
                    None => format!("El {at} cambió el vencimiento o las redes de una clave de API suya, o de un robot suyo."),
                },
                "Si no fue usted ni quien la administra, revoque la clave y avise a un administrador.".to_owned(),
            ],
        ),
        Content::UsernameChanged { username } => (
            format!("{sender}: su nombre de usuario cambió"),
            vec![
                match about.told(username) {
                    Some(username) => format!("Desde el {at} inicia sesión como {username}."),
                    None => format!("El nombre de usuario de su cuenta cambió el {at}."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::AccountLinked { provider } => (
            format!("{sender}: se vinculó una cuenta"),
            vec![format!("Desde el {at} puede iniciar sesión con su cuenta de {provider}."), IF_NOT_YOU.to_owned()],
        ),
        Content::AccountUnlinked { provider } => (
            format!("{sender}: se desvinculó una cuenta"),
            vec![
                format!("Desde el {at} ya no puede iniciar sesión con su cuenta de {provider}."),
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::FactorAdded { name } => (
            format!("{sender}: un segundo factor nuevo"),
            vec![
                match about.told(name) {
                    Some(name) => format!("El {at} se agregó un segundo factor a su cuenta: {name}."),
                    None => format!("El {at} se agregó un segundo factor a su cuenta."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::FactorRemoved { name } => (
            format!("{sender}: se quitó un segundo factor"),
            vec![
                match (name, name.as_deref().and_then(|name| about.told(name))) {
                    (None, _) => format!("El {at} se quitaron todos los segundos factores de su cuenta."),
                    (Some(_), Some(name)) => format!("El {at} se quitó un segundo factor de su cuenta: {name}."),
                    (Some(_), None) => format!("El {at} se quitó un segundo factor de su cuenta."),
                },
                IF_NOT_YOU.to_owned(),
            ],
        ),
        Content::RecoveryCodeUsed { left } => (
            format!("{sender}: se usó un código de recuperación"),
            [
                Some(format!("El {at} se usó uno de sus códigos de recuperación. Le quedan {left}.")),
                (*left <= FEW).then(|| {
                    "Cree otros pronto: sin ninguno no podrá iniciar sesión si pierde sus otros factores.".to_owned()
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
            Content::PasswordReset { .. } => "Ingréselo donde pidió la contraseña nueva y no se lo dé a nadie más.",
            Content::VerifyEmail => "Ingréselo donde dio esta dirección y no se lo dé a nadie más.",
            _ => "Ingrésela donde se registra y no se la dé a nadie más.",
        },
        unexpected: "Si no esperaba este mensaje, puede ignorarlo: no cambiará nada.",
    }
}
