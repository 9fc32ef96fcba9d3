//! OAuth: access tokens, introspection, and logins for a client.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Bench, DATABASE, check, share};
use crate::load::{Ask, By, Connection, Load};
use crate::stage::Server;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::{Person, World};

const CONNECTIONS: i32 = 64;

/// So many access tokens of each kind are asked about.
const TOKENS: usize = 1000;

const REDIRECT_URI: &str = "https%3A%2F%2Fapp.example.com%2Fcallback";

/// A verifier and its challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What is kept of the rounds.
#[derive(Default)]
struct Series {
    checks: Rounds,
    signed: Rounds,
    opaque: Rounds,
    issued: Rounds,
    keys: Rounds,
    logins: Rounds,
    refreshes: Rounds,
}

pub async fn oauth(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let signed = Client::register(&portero, "figures-jwt", "jwt").await?;
    let opaque = Client::register(&portero, "figures-opaque", "opaque").await?;
    let about_signed = signed.introspection(signed.tokens(&portero).await?);
    let about_opaque = opaque.introspection(opaque.tokens(&portero).await?);
    let keys = Ask::new("GET", "/.well-known/jwks.json", By::Nobody).proof(r#""keys":["#);
    let mut series = Series::default();
    for round in bench.rounds() {
        let load =
            |ask| Load { seconds: bench.seconds, seed: u64::from(round), ..Load::new(portero.address, world, ask) };
        for (ask, rounds) in [
            (check(), &mut series.checks),
            (about_signed.clone(), &mut series.signed),
            (about_opaque.clone(), &mut series.opaque),
            (signed.credentials().proof(r#""access_token":"eyJ"#), &mut series.issued),
            (keys.clone(), &mut series.keys),
        ] {
            rounds.add(load(ask).run().await?.per_second);
        }
        let (logins, refreshes) = log_in(&portero, &signed, world, bench.seconds).await?;
        series.logins.add(logins);
        series.refreshes.add(refreshes);
        eprintln!(
            "oauth, round {round}: {:.0} tokens/s, {logins:.0} logins/s",
            series.issued.0[series.issued.0.len() - 1]
        );
    }
    Ok(series.rows())
}

impl Series {
    fn rows(self) -> Vec<Row> {
        let check = ("/check-token", &self.checks);
        let per_second = Unit::PerSecond;
        vec![
            Row::against(check, "introspection of a JWT", per_second, self.signed, Target::RatioAtLeast(0.9)),
            Row::against(check, "introspection of an opaque token", per_second, self.opaque, Target::RatioAtLeast(0.9)),
            Row::against(check, "/.well-known/jwks.json", per_second, self.keys, Target::None),
            Row::alone("client credentials: ES256 JWTs", per_second, self.issued, Target::AtLeast(10_000.0)),
            Row::alone("logins for a client: authorize and token", per_second, self.logins, Target::None),
            Row::alone("refreshes", per_second, self.refreshes, Target::None),
        ]
    }
}

/// A client that proves who it is by its secret, and that people use without being asked.
struct Client {
    id: &'static str,
    secret: String,
}

impl Client {
    async fn register(server: &Server, id: &'static str, format: &str) -> anyhow::Result<Self> {
        let client = json!({
            "client_id": id,
            "client_name": id,
            "service_id": 1,
            "redirect_uris": ["https://app.example.com/callback"],
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "access_token_format": format,
            "consent": "none",
        });
        let (token, body) = (Person::ADMINISTRATOR.token(0), client.to_string());
        let request = format!(
            "POST /clients HTTP/1.1\r\nhost: portero\r\ntoken: {}\r\ncontent-length: {}\r\n\r\n{body}",
            token.reveal(),
            body.len()
        );
        let mut connection = Connection::open(server.address).await?;
        let answer = connection.exchange(request.as_bytes()).await?;
        ensure!(answer.status == 201, "POST /clients answered {}: {}", answer.status, answer.text());
        let answer: Value = serde_json::from_slice(answer.body)?;
        Ok(Self { id, secret: answer["client_secret"].as_str().context("no secret")?.to_owned() })
    }

    /// A form with what proves who it is.
    fn form(&self, more: &str) -> String {
        format!("client_id={}&client_secret={}&{more}", self.id, self.secret)
    }

    fn credentials(&self) -> Ask {
        Ask::new("POST", "/oauth/token", By::Nobody).form(&self.form("grant_type=client_credentials"))
    }

    fn introspection(&self, tokens: Vec<String>) -> Ask {
        let body = self.form("token={text}");
        Ask::new("POST", "/oauth/introspect", By::Nobody).form(&body).texts(tokens).proof(r#""active":true"#)
    }

    async fn tokens(&self, server: &Server) -> anyhow::Result<Vec<String>> {
        let mut connection = Connection::open(server.address).await?;
        let mut tokens = Vec::new();
        for _ in 0..TOKENS {
            let answer = post(&mut connection, &self.form("grant_type=client_credentials&scope=")).await?;
            tokens.push(text(&answer, "access_token")?);
        }
        Ok(tokens)
    }
}

/// Logins and then refreshes a second, on connections of people whose browsers are logged in.
async fn log_in(server: &Server, client: &Client, world: World, seconds: f64) -> anyhow::Result<(f64, f64)> {
    let length = Duration::from_secs_f64(seconds);
    let (mut logins, mut refreshes) = (JoinSet::new(), JoinSet::new());
    let start = Instant::now();
    for n in 0..CONNECTIONS {
        let person = Person(1 + n % world.people);
        let (mut connection, login) = (Connection::open(server.address).await?, Login::of(client, person));
        logins.spawn(async move {
            let (mut count, mut token) = (0, String::new());
            while start.elapsed() < length {
                token = login.run(&mut connection).await?;
                count += 1;
            }
            Ok::<_, anyhow::Error>((count, connection, token))
        });
    }
    let mut logged_in = Vec::new();
    while let Some(ended) = logins.join_next().await {
        logged_in.push(ended??);
    }
    let per_second = share(logged_in.iter().map(|(count, ..)| count).sum(), 1) / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for (_, mut connection, mut token) in logged_in {
        let form = client.form("grant_type=refresh_token");
        refreshes.spawn(async move {
            let mut count = 0;
            while start.elapsed() < length {
                let answer = post(&mut connection, &format!("{form}&refresh_token={token}")).await?;
                token = text(&answer, "refresh_token")?;
                count += 1;
            }
            Ok::<u64, anyhow::Error>(count)
        });
    }
    let mut count = 0;
    while let Some(ended) = refreshes.join_next().await {
        count += ended??;
    }
    Ok((per_second, share(count, 1) / start.elapsed().as_secs_f64()))
}

/// Somebody's login for a client, as their browser and the client go through it.
struct Login {
    authorize: String,
    form: String,
}

impl Login {
    fn of(client: &Client, person: Person) -> Self {
        let token = person.token(0);
        let authorize = format!(
            "GET /oauth/authorize?response_type=code&client_id={}&redirect_uri={REDIRECT_URI}&scope=openid%20offline_access\
             &state=figures&nonce=figures&code_challenge={CHALLENGE}&code_challenge_method=S256 HTTP/1.1\r\n\
             host: portero\r\ncookie: portero={}\r\n\r\n",
            client.id,
            token.reveal()
        );
        let form = client
            .form(&format!("grant_type=authorization_code&redirect_uri={REDIRECT_URI}&code_verifier={VERIFIER}&code="));
        Self { authorize, form }
    }

    /// Answers the refresh token.
    async fn run(&self, connection: &mut Connection) -> anyhow::Result<String> {
        let answer = connection.exchange(self.authorize.as_bytes()).await?;
        let back = answer.header("location").unwrap_or_default();
        let code = back.split(['?', '&']).find_map(|pair| pair.strip_prefix("code="));
        let code = code.with_context(|| format!("authorize answered {} {back}", answer.status))?;
        let form = format!("{}{code}", self.form);
        text(&post(connection, &form).await?, "refresh_token")
    }
}

/// Asks the token endpoint.
async fn post(connection: &mut Connection, form: &str) -> anyhow::Result<Value> {
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: portero\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = connection.exchange(request.as_bytes()).await?;
    ensure!(answer.status == 200, "the token endpoint answered {}: {}", answer.status, answer.text());
    Ok(serde_json::from_slice(answer.body)?)
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    Ok(answer[field].as_str().with_context(|| format!("no {field}"))?.to_owned())
}
