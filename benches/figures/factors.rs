//! Logins a second without a password to hash: second steps by code, and passkeys, against logins by password.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use sqlx::{Executor, PgConnection};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use totp_rs::{Builder, Secret, Totp};

use super::logins::CLIENTS;
use super::{Bench, PEOPLE, login, share};
use crate::authenticator::Authenticator;
use crate::load::{Ask, By, Connection, Load, Subjects};
use crate::stage::Server;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::{PASSWORD, Person};

const FACTORS: &str = "factors";

/// Passkeys need a host name.
const URL: &str = "https://id.example.com";

/// One enrols a passkey, another an authenticator: a login that has one factor would need it to get the other.
const WITH_PASSKEY: Person = Person(1);
const WITH_TOTP: Person = Person(2);

/// From here on people have both, the same ones as those two have,
const FIRST: i32 = 3;

/// up to here. The others have a password alone.
const LAST: i32 = 15_000;

const COPY_TOTP: &str = "
    insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at, confirmed_at, last_step)
    select p.id, f.name, f.secret, f.sealed_by, f.created_at, f.confirmed_at, 0
    from auth.totp_factors f join auth.person p on p.id between $1 and $2
";

const COPY_PASSKEY: &str = "
    with known as (
        insert into auth.passkey_users (person_id, user_handle)
        select id, sha512(int4send(id)) from auth.person where id between $1 and $2
        returning person_id
    )
    insert into auth.passkeys
        (person_id, name, credential_id, verifier, transports, is_backup_eligible, is_backed_up, created_at)
    select n.person_id, k.name, sha256(int4send(n.person_id)), k.verifier, k.transports, k.is_backup_eligible,
           k.is_backed_up, k.created_at
    from auth.passkeys k cross join known n
";

/// Logins that wait for their second step, as one by password leaves them.
const WAIT: &str = "
    insert into auth.pending_logins (token, person_id, verified, amr, refresh, enrols, created_at, expires_at)
    select waiting.token, p.id, sha256(convert_to(p.password_hash, 'UTF8')), '{pwd}', false, false, now(),
           now() + interval '5 minutes'
    from unnest($1::bytea[], $2::integer[]) as waiting (token, person_id)
    join auth.person p on p.id = waiting.person_id
";

pub async fn factors(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.stage.populate(FACTORS, PEOPLE).await?;
    let portero = bench.stage.portero(FACTORS, &[("PUBLIC_URL", URL)]).await?;
    let mut conn = bench.stage.connect(FACTORS).await?;
    let enrolled = enrol(&portero).await?;
    for copy in [COPY_TOTP, COPY_PASSKEY] {
        sqlx::query(copy).bind(FIRST).bind(LAST).execute(&mut conn).await?;
    }
    conn.execute("vacuum (analyze)").await?;
    let passkeys = Passkeys::of(enrolled.passkey);
    let (mut by_password, mut by_code, mut by_passkey) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        let load = |ask, people| Load {
            people,
            connections: CLIENTS,
            seconds: bench.seconds,
            seed: u64::from(round),
            ..Load::new(portero.address, world, ask)
        };
        let passwords = Load { subjects: Subjects::Drawn(10_000), ..load(login(), (LAST + 1, world.people)) };
        by_password.add(passwords.run_tolerating(&[429, 503]).await?.per_second);
        let_wait(&mut conn).await?;
        let code = enrolled.totp.generate(OffsetDateTime::now_utc().unix_timestamp().unsigned_abs()).to_string();
        let codes = Load { subjects: Subjects::EachPerson, ..load(second_step(&code), (FIRST, LAST)) };
        by_code.add(codes.run().await?.per_second);
        by_passkey.add(passkeys.log_in(&portero, bench.seconds).await?);
        let [password, code, passkey] =
            [&by_password, &by_code, &by_passkey].map(|rounds| rounds.0[rounds.0.len() - 1]);
        eprintln!(
            "factors, round {round}: {code:.0}/s by code, {passkey:.0}/s by passkey (signing took {:?} each), \
             {password:.1}/s by password",
            passkeys.signing_took()
        );
    }
    let password = ("logins by password", &by_password);
    let (per_second, at_least) = (Unit::PerSecond, Target::RatioAtLeast(20.0));
    Ok(vec![
        Row::against(password, "logins by code: POST /auth/mfa", per_second, by_code, at_least),
        Row::against(password, "logins by passkey: options and login", per_second, by_passkey, at_least),
    ])
}

fn second_step(code: &str) -> Ask {
    let body = format!(r#"{{"mfa_token":"{{mfa_token}}","method":"totp","code":"{code}"}}"#);
    Ask::new("POST", "/auth/mfa", By::Nobody).body(&body).proof("{\"user_id\":{person},")
}

/// Has a login of everybody with an authenticator wait for a code, which nobody has used.
async fn let_wait(conn: &mut PgConnection) -> anyhow::Result<()> {
    let people: Vec<i32> = (FIRST..=LAST).collect();
    let tokens: Vec<Vec<u8>> =
        people.iter().map(|person| Person(*person).mfa_token().hash().as_bytes().to_vec()).collect();
    conn.execute("truncate auth.pending_logins").await?;
    sqlx::query(WAIT).bind(tokens).bind(people).execute(&mut *conn).await?;
    conn.execute("update auth.totp_factors set last_step = 0").await?;
    conn.execute("vacuum (analyze) auth.pending_logins, auth.totp_factors").await?;
    Ok(())
}

/// What was enrolled.
struct Enrolled {
    totp: Totp,
    passkey: Authenticator,
}

async fn enrol(server: &Server) -> anyhow::Result<Enrolled> {
    let mut connection = Connection::open(server.address).await?;
    let token = log_in(&mut connection, WITH_PASSKEY).await?;
    let mut passkey = Authenticator::at(URL);
    let asked = post(&mut connection, "/auth/me/passkeys/options", &token, &json!({})).await?;
    let made = json!({"name": "Phone", "credential": passkey.create(&asked["publicKey"])});
    post(&mut connection, "/auth/me/passkeys", &token, &made).await?;

    let token = log_in(&mut connection, WITH_TOTP).await?;
    let begun = post(&mut connection, "/auth/me/factors", &token, &json!({"type": "totp", "name": "Phone"})).await?;
    let secret = Secret::try_from_base32(begun["secret"].as_str().context("no secret")?);
    let totp = Builder::new().with_secret(secret.map_err(|_| anyhow::anyhow!("no base32"))?).build()?;
    let now = OffsetDateTime::now_utc().unix_timestamp().unsigned_abs();
    let codes = [now - 30, now].map(|seconds| totp.generate(seconds).to_string());
    let confirm = format!("/auth/me/factors/{}/confirm", begun["id"]);
    post(&mut connection, &confirm, &token, &json!({ "codes": codes })).await?;
    Ok(Enrolled { totp, passkey })
}

async fn log_in(connection: &mut Connection, person: Person) -> anyhow::Result<String> {
    let login = json!({"username": person.username(), "password": PASSWORD});
    let began = post(connection, "/auth/login", "", &login).await?;
    Ok(began["token"].as_str().context("no token")?.to_owned())
}

/// Passkeys of many, all with the same key.
struct Passkeys(Arc<Inner>);

struct Inner {
    authenticator: Mutex<Authenticator>,
    /// One person after the other logs in.
    next: AtomicI32,
    signed: AtomicU64,
    /// Nanoseconds.
    signing: AtomicU64,
}

impl Passkeys {
    fn of(authenticator: Authenticator) -> Self {
        let (next, signed, signing) = Default::default();
        Self(Arc::new(Inner { authenticator: Mutex::new(authenticator), next, signed, signing }))
    }

    /// Logins a second, each with a challenge of its own.
    async fn log_in(&self, server: &Server, seconds: f64) -> anyhow::Result<f64> {
        let length = Duration::from_secs_f64(seconds);
        let mut logins = JoinSet::new();
        let start = Instant::now();
        for _ in 0..CLIENTS {
            let (mut connection, passkeys) = (Connection::open(server.address).await?, Arc::clone(&self.0));
            logins.spawn(async move {
                let mut count = 0;
                while start.elapsed() < length {
                    passkeys.log_in(&mut connection).await?;
                    count += 1;
                }
                Ok::<u64, anyhow::Error>(count)
            });
        }
        let mut count = 0;
        while let Some(ended) = logins.join_next().await {
            count += ended??;
        }
        Ok(share(count, 1) / start.elapsed().as_secs_f64())
    }

    /// Which the load does, and not Portero.
    fn signing_took(&self) -> Duration {
        let signed = self.0.signed.load(Ordering::Relaxed).max(1);
        Duration::from_nanos(self.0.signing.load(Ordering::Relaxed) / signed)
    }
}

impl Inner {
    async fn log_in(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let person = FIRST + self.next.fetch_add(1, Ordering::Relaxed) % (LAST - FIRST + 1);
        let asked = post(connection, "/auth/passkeys/options", "", &json!({})).await?;
        let login = json!({"credential": self.sign(person, &asked["publicKey"])});
        let began = post(connection, "/auth/passkeys/login", "", &login).await?;
        ensure!(began["payload"]["user_id"] == json!(person), "a login of somebody else: {began}");
        Ok(())
    }

    fn sign(&self, person: i32, public_key: &Value) -> Value {
        let start = Instant::now();
        let mut authenticator = self.authenticator.lock().unwrap_or_else(PoisonError::into_inner);
        authenticator.credential_id = Sha256::digest(person.to_be_bytes()).to_vec();
        authenticator.user_handle = Base64UrlUnpadded::encode_string(&Sha512::digest(person.to_be_bytes()));
        let signed = authenticator.get(public_key);
        drop(authenticator);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.signing.fetch_add(took, Ordering::Relaxed);
        self.signed.fetch_add(1, Ordering::Relaxed);
        signed
    }
}

/// Sends a body, by whoever has this token; answers what comes back.
async fn post(connection: &mut Connection, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
    let body = body.to_string();
    let token = if token.is_empty() { String::new() } else { format!("token: {token}\r\n") };
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: portero\r\n{token}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = connection.exchange(request.as_bytes()).await?;
    ensure!(matches!(answer.status, 200 | 201), "POST {path} answered {}: {}", answer.status, answer.text());
    Ok(serde_json::from_slice(answer.body)?)
}
