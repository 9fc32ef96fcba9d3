//! The house, built floor by floor on a database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::changes::{Feed, FeedTimings};
use super::config::Config;
use super::database::Database;
use crate::access::policies::Subjects;
use crate::access::{self, Access};
use crate::app::{self, App};
use crate::base::clock::Clock;
use crate::gate::api_keys::ApiKeyUses;
use crate::gate::foreign::Foreign;
use crate::gate::keys::LastUses;
use crate::gate::people::AskedByBackends;
use crate::gate::sessions::{self, Renewals};
use crate::gate::vault::VaultDoor;
use crate::gate::{self, Checks, Evaluator, Gate, Uses};
use crate::identity::factors::Tries;
use crate::identity::passkeys::{Challenges, RelyingParty, ShownPasskeys};
use crate::identity::people::{self, StoredCredentials};
use crate::identity::providers::Providers;
use crate::identity::sessions::{BeginRules, Beginnings};
use crate::identity::{self, Identity};
use crate::oauth::clients::{ClientLookups, documents};
use crate::oauth::introspection::Introspections;
use crate::oauth::keys::Keyring;
use crate::oauth::tokens::Issues;
use crate::oauth::{self, OAuth};
use crate::pages::{self, Pages};
use crate::platform::cores::Cores;
use crate::platform::database::{Address, Batch, BatchLimits};
use crate::platform::jwks::RemoteKeys;
use crate::platform::mail::Mailer;
use crate::platform::metrics::Metrics;
use crate::platform::outbound::Outbound;
use crate::platform::passwords::{Hasher, HashingPlace, Judge};
use crate::platform::shares::{self, Shares};
use crate::platform::{self, Platform, http};

/// What a login writes is given as long as Postgres takes: whoever was answered sooner would not know what was done.
const LOGIN_DEADLINE: Duration = Duration::from_secs(11);

/// So many minutes' worth of logins may come at once.
const LOGINS_AT_ONCE: u32 = 30;

/// The app on a database. `hashing` says where passwords are hashed.
pub fn build(database: &Database, config: Config, hashing: HashingPlace) -> anyhow::Result<App> {
    build_at(database, config, hashing, FeedTimings::default())
}

/// The same, whose streams go at a pace of their own.
pub fn build_at(database: &Database, config: Config, hashing: HashingPlace, pace: FeedTimings) -> anyhow::Result<App> {
    whole(database, config, (hashing, Cores::default()), pace)
}

/// The same, to serve on these cores.
pub fn build_on(cores: Cores, database: &Database, config: Config) -> anyhow::Result<App> {
    whole(database, config, (HashingPlace::Apart, cores), FeedTimings::default())
}

fn whole(database: &Database, config: Config, places: (HashingPlace, Cores), pace: FeedTimings) -> anyhow::Result<App> {
    let platform = platform(database, &config, places)?;
    let changes = Feed::new(database, &config, pace, platform.metrics.stream(), platform.stopping.clone())?;
    let identity = identity(gate(platform, &config), &config);
    let oauth = oauth(access(identity, &config), &config, database.where_to_listen(&config)?);
    let pages = Pages::new(pages::Parts { oauth, brand: Arc::new(config.pages.clone().into()) });
    Ok(App::new(app::Parts { pages, config: Arc::new(config), changes }))
}

fn access(identity: Identity, config: &Config) -> Access {
    let subjects = Subjects::new(identity.rights.clone());
    Access::new(access::Parts {
        subjects: Batch::start(subjects.clone(), &identity.db, config.rarer_checks(), &identity.metrics),
        many_subjects: subjects,
        identity,
    })
}

fn oauth(access: Access, config: &Config, ears: Option<Address>) -> OAuth {
    let (db, rights, limits) = (&access.db, access.rights.clone(), config.rarer_checks());
    let rules = oauth::Settings {
        rotate_keys_every: config.rotate_keys_every,
        client_registration: config.client_registration,
        document_service: config.document_service.clone(),
    };
    OAuth::new(oauth::Parts {
        issuer: config.issuer.clone(),
        metadata: oauth::discovery::metadata(&config.issuer, &rules),
        decision_point: oauth::discovery::decision_point(&config.issuer),
        keys: Keyring::new(access.vault.clone()),
        ears,
        remote_keys: RemoteKeys::default(),
        document_service: Arc::default(),
        document_reads: documents::Budget::default(),
        client_lookups: Batch::start(ClientLookups(rights.clone()), db, limits, &access.metrics),
        issues: Batch::start(Issues, db, limits, &access.metrics),
        introspections: Batch::start(Introspections(rights), db, limits, &access.metrics),
        public_clients: shares::LeakyBuckets::per_minute("public-clients", oauth::clients::A_MINUTE, 1),
        rules,
        access,
    })
}

fn platform(database: &Database, config: &Config, (hashing, cores): (HashingPlace, Cores)) -> anyhow::Result<Platform> {
    let metrics = if config.metrics.is_some() { Metrics::on()? } else { Metrics::default() };
    let hasher = Hasher::start(config.hash_threads, hashing, metrics.hashing());
    Ok(Platform::new(platform::Parts {
        db: database.pool(config.max_connections).on(cores),
        clock: Clock::default(),
        hasher: hasher.context("can't start the hashing threads")?.with_firebase(config.firebase_key.clone()),
        judge: Judge::new(config.passwords),
        metrics,
        mailer: Mailer::new(&config.mail).context("SMTP_URL")?,
        outbound: Outbound::new(config.outbound.clone()),
        http: http::Settings {
            listen: config.listen,
            trusted_proxies: config.trusted_proxies.clone(),
            traces: config.traces,
        },
        token_secret: config.token_secret.clone(),
        stopping: CancellationToken::new(),
    }))
}

fn gate(platform: Platform, config: &Config) -> Gate {
    let rights = Evaluator::default();
    let asked = (&platform.db, one_lane(config), &platform.metrics);
    let rarer = config.rarer_checks();
    let foreign = Foreign::start(rights.clone(), asked, config.issuer.as_str());
    Gate::new(gate::Parts {
        checks: Batch::start(Checks::by(rights.clone()), &platform.db, config.checks, &platform.metrics),
        access_checks: Batch::start(Checks::by(rights.clone()), &platform.db, rarer, &platform.metrics),
        api_key_checks: Batch::start(Checks::by(rights.clone()), &platform.db, rarer, &platform.metrics),
        people: Batch::start(AskedByBackends(rights.clone()), &platform.db, rarer, &platform.metrics),
        rights,
        renewals: Batch::start(Renewals, &platform.db, one_lane(config), &platform.metrics),
        sessions: sessions::Settings {
            lifetime: config.lifetime,
            families: config.families,
            per_person: config.sessions_per_person,
        },
        key_uses: LastUses::default(),
        api_key_uses: ApiKeyUses::default(),
        uses: Uses::default(),
        vault: VaultDoor::new(config.master_key.clone()),
        foreign,
        platform,
    })
}

fn identity(gate: Gate, config: &Config) -> Identity {
    let (db, metrics) = (&gate.db, &gate.metrics);
    let limits = BatchLimits { deadline: LOGIN_DEADLINE, ..one_lane(config) };
    let beginnings = BatchLimits { deadline: LOGIN_DEADLINE, ..config.rarer_checks() };
    let settings = identity::Settings {
        registration: config.registration,
        waits: config.attempts,
        mail: config.mail.clone(),
        api_key_max_age: config.api_key_max_age,
        hash_threads: config.hash_threads,
        name: config.pages.name.clone(),
        trust_devices: config.trust_devices,
        require_mfa: config.require_mfa,
        relying_party: RelyingParty::of(config.issuer.as_str(), &config.pages.name, &config.passkey_origins),
        knows_firebase: config.firebase_key.is_some(),
    };
    let begin_rules = BeginRules::of(&settings, gate.sessions);
    Identity::new(identity::Parts {
        settings: settings.into(),
        credentials: Batch::start(StoredCredentials, db, one_lane(config), metrics),
        beginnings: Batch::start(Beginnings(begin_rules), db, beginnings, metrics),
        tries: Batch::start(Tries, db, limits, metrics),
        challenges: Batch::start(Challenges, db, limits, metrics),
        shown_passkeys: Batch::start(ShownPasskeys, db, limits, metrics),
        logins: shares::LeakyBuckets::per_minute("logins", config.logins_per_minute, LOGINS_AT_ONCE),
        providers: Providers::default(),
        imports: people::import::ImportSlots::default(),
        exports: Shares::new(people::EXPORTS_OF_A_PERSON as usize),
        gate,
    })
}

fn one_lane(config: &Config) -> BatchLimits {
    BatchLimits { lanes: 1, ..config.checks }
}
