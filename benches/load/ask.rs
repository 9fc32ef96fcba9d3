//! One kind of request, and how it reads for one person.

use serde::{Deserialize, Serialize};

use crate::world::{
    PERMISSIONS, Person, ROLES, SERVICES, World, carried, mix, permission_name, role_name, service_name,
};

/// A request with gaps: `{token}`, `{mfa_token}`, `{person}`, `{username}`, `{service}`, `{role}` and `{permission}` are those of one
/// of the person's grants, `{any_…}` are any of the world, `{unique}` is never the same twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    pub method: String,
    pub path: String,
    pub body: String,
    /// What `body` is; as JSON if it is empty.
    content_type: String,
    pub by: By,
    /// The status of a good answer.
    pub status: u16,
    /// What a good answer contains.
    pub proof: String,
    /// One of these, whichever, is `{text}`.
    texts: Vec<String>,
    /// Whether each comes on a connection of its own, which the server is to close.
    pub closes: bool,
}

/// Whose token the request carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    Nobody,
    /// The person that it is about.
    Themselves,
    /// Likewise, by one of their API keys.
    TheirKey,
    Administrator,
    /// A backend, by its key.
    Key(String),
}

impl Ask {
    pub fn new(method: &str, path: &str, by: By) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        let (body, content_type, proof) = Default::default();
        Self { method, path, body, content_type, by, status: 200, proof, texts: Vec::new(), closes: false }
    }

    #[must_use]
    pub fn on_its_own_connection(self) -> Self {
        Self { closes: true, ..self }
    }

    #[must_use]
    pub fn body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    #[must_use]
    pub fn form(self, body: &str) -> Self {
        Self { content_type: "application/x-www-form-urlencoded".to_owned(), ..self.body(body) }
    }

    #[must_use]
    pub fn texts(self, texts: Vec<String>) -> Self {
        Self { texts, ..self }
    }

    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    #[must_use]
    pub fn proof(self, proof: &str) -> Self {
        Self { proof: proof.to_owned(), ..self }
    }
}

/// A request as it goes over the wire, and what a good answer to it contains.
pub struct Request {
    pub bytes: Vec<u8>,
    pub proof: Vec<u8>,
}

/// Somebody, with one of their tokens, and a number that tells this from all other requests.
#[derive(Clone, Copy)]
pub struct Subject {
    pub person: Person,
    pub token: i32,
    pub unique: u64,
}

impl Ask {
    pub fn render(&self, world: World, subject: Subject) -> Request {
        let fill = |text: &str| if text.contains('{') { fill_gaps(text, world, subject) } else { text.to_owned() };
        let (path, mut body) = (fill(&self.path), fill(&self.body));
        if !self.texts.is_empty() {
            let at = usize::try_from(mix(subject.unique)).unwrap_or(0) % self.texts.len();
            body = body.replace("{text}", &self.texts[at]);
        }
        let token = match &self.by {
            By::Nobody => String::new(),
            By::Themselves => header(subject.person.token(subject.token).reveal()),
            By::TheirKey => header(subject.person.api_key(subject.token).reveal()),
            By::Administrator => header(Person::ADMINISTRATOR.token(0).reveal()),
            By::Key(key) => format!("authorization: Bearer {key}\r\n"),
        };
        let content_type = match self.content_type.as_str() {
            "" if self.body.is_empty() => String::new(),
            "" => "content-type: application/json\r\n".to_owned(),
            content_type => format!("content-type: {content_type}\r\n"),
        };
        let length = body.len();
        let closes = if self.closes { "connection: close\r\n" } else { "" };
        let bytes = format!(
            "{} {path} HTTP/1.1\r\nhost: portero\r\n{token}{content_type}{closes}content-length: {length}\r\n\r\n{body}",
            self.method
        );
        Request { bytes: bytes.into_bytes(), proof: fill(&self.proof).into_bytes() }
    }
}

fn header(token: &str) -> String {
    format!("token: {token}\r\n")
}

fn fill_gaps(text: &str, world: World, subject: Subject) -> String {
    let Subject { person, token, unique } = subject;
    let any = |of: i32, salt: u64| below(of, mix(unique ^ salt)) + 1;
    let (service, role) = person.grant(below(10, unique));
    let any_person = Person(any(world.people, 1));
    let gaps: [(&str, &dyn Fn() -> String); 15] = [
        ("{person}", &|| person.0.to_string()),
        ("{username}", &|| person.username()),
        ("{token}", &|| person.token(token).reveal().to_owned()),
        ("{mfa_token}", &|| person.mfa_token().reveal().to_owned()),
        ("{service}", &|| service.to_string()),
        ("{role}", &|| role.to_string()),
        ("{permission}", &|| permission_name(carried(role, 0))),
        ("{crowd}", &|| person.grant(0).0.to_string()),
        ("{crowd_role}", &|| person.grant(0).1.to_string()),
        ("{any_role}", &|| any(ROLES, 2).to_string()),
        ("{any_service}", &|| any(SERVICES, 3).to_string()),
        ("{role_prefix}", &|| role_name(any(ROLES, 4))[..2].to_owned()),
        ("{service_prefix}", &|| service_name(any(SERVICES, 5))[..2].to_owned()),
        ("{permission_prefix}", &|| permission_name(any(PERMISSIONS, 6))[..2].to_owned()),
        ("{unique}", &|| format!("{unique}")),
    ];
    let mut filled = text.to_owned();
    for letters in [1, 3, 6] {
        filled = filled.replace(&format!("{{prefix_{letters}}}"), &any_person.username()[..letters]);
    }
    for (gap, value) in gaps {
        if filled.contains(gap) {
            filled = filled.replace(gap, &value());
        }
    }
    filled
}

/// A number from 0 up to `bound`, which it does not reach.
pub fn below(bound: i32, chance: u64) -> i32 {
    let bound = u64::from(bound.unsigned_abs().max(1));
    i32::try_from(chance % bound).unwrap_or(0)
}
