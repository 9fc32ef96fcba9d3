//! Start, serve, stop: a checklist.

mod accept;
mod connections;
mod demo;
mod log_throttle;
pub mod memory;
mod metrics;
mod rarely;
mod socket;
mod tls;
mod turn_away;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::extract::FromRef;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::TaskTracker;

use crate::access::administrators::{FirstAdmin, ensure_an_administrator, random_password};
use crate::access::{grants, groups};
use crate::app::changes::{self};
use crate::app::config::Config;
use crate::app::database::Database;
use crate::app::{self, App, build, trail};
use crate::base::clock::Clock;
use crate::base::error::Error;
use crate::base::id::Ref;
use crate::gate::sessions::{self};
use crate::gate::{self, idempotency};
use crate::identity::api_keys;
use crate::identity::attempts;
use crate::identity::factors;
use crate::identity::mail::deliver;
use crate::oauth;
use crate::oauth::clients::documents::missing as missing_service;
use crate::platform::cores::{self, Cores};
use crate::platform::database::embedded::Postgres;
use crate::platform::database::{self};
use crate::platform::files;
use crate::platform::memory::give_back_now;
use crate::platform::metrics::Metrics;
use crate::platform::passwords::Password;
use connections::Connections;
use tls::{Latest, Tls};

/// Requests under way get this long to finish after the first signal; a second signal ends them.
const GRACE: Duration = Duration::from_secs(10);

/// How many may look at the metrics at a time.
const SCRAPERS: usize = 64;

/// How long connections to Postgres may take to say goodbye.
const CLOSING: Duration = Duration::from_secs(2);

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The real thing.
    Serve,
    /// The demo data, in a private Postgres.
    Demo,
}

/// Serves until a signal says stop.
pub async fn serve(mut config: Config, mode: Mode) -> anyhow::Result<()> {
    if mode == Mode::Demo {
        demo::soften(&mut config);
    }
    config.mail.to_the_terminal = mode == Mode::Demo || std::io::stdout().is_terminal();
    let open_files = files::raise_limit();
    for typo in &config.probable_typos {
        tracing::warn!("{typo}");
    }
    if let (Mode::Serve, Some(why)) = (mode, &config.set_for_others) {
        tracing::warn!("{why}");
    }
    look_at_first_admin(&config)?;
    let tls = config.tls.clone().map(|files| Tls::start(files, &Clock::default())).transpose()?;
    let mut database = match mode {
        Mode::Serve => Database::to_serve(&config).await?,
        Mode::Demo => Database::to_demonstrate(&config).await?,
    };
    let served = serve_on(&mut database, config, (mode, tls), open_files).await;
    database.stop().await;
    served
}

async fn serve_on(
    database: &mut Database,
    config: Config,
    (mode, tls): (Mode, Option<(Tls, Latest)>),
    open_files: Option<usize>,
) -> anyhow::Result<()> {
    database.meet().await?;
    database.migrate().await?;
    if mode == Mode::Demo {
        database.load_demo_data().await?;
    }
    let cores = Cores::start(cores::count()).context("can't start the threads that serve")?;
    let app = build::build_on(cores.clone(), database, config)?;
    app.vault.open(&app.db).await?;
    trail::tell_of_configuration(&app).await?;
    if let Some(named) = &app.config.document_service
        && let Some(why) = missing_service(&mut *app.db.read().await?, named).await?
    {
        tracing::warn!("{why}");
    }
    make_first_admin(&app).await?;
    let has_example = mode == Mode::Demo && demo::register_example(&app).await?;
    let listener = listen(app.config.listen, "SERVER_PORT").await?;
    let scraped = match app.config.metrics {
        Some(address) => Some(listen_for_metrics(address).await?),
        None => None,
    };
    if mode == Mode::Demo && !app.config.listen.ip().is_loopback() {
        tracing::warn!("the demo's passwords are known to everybody, and others can reach {}", app.config.listen);
    }
    let signals = Signals::catch().context("can't catch signals")?;
    announce(&app, mode, (tls.is_some(), has_example), listener.local_addr()?);
    let places = Connections::new(app.config.connections(open_files), app.config.trusted_proxies.clone());
    let served = run(app, (listener, tls, cores.clone()), Arc::new(places), scraped, signals).await;
    cores.stop();
    served
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("can't listen on {address}: is another Portero running? set {setting} to another port")
    })
}

async fn listen_for_metrics(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = listen(address, "METRICS_ADDRESS").await?;
    if !address.ip().is_loopback() {
        tracing::warn!("everybody who reaches {address} can read the metrics: let only Prometheus reach it");
    }
    tracing::info!("metrics are at http://{address}/metrics");
    Ok(listener)
}

/// What is done beside answering, by one instance or each.
fn keep_house(jobs: &TaskTracker, app: &App) {
    keep_at(jobs, app, sessions::purge_every_minute);
    keep_at(jobs, app, changes::prune_every_minute);
    keep_at(jobs, app, trail::seal_every_second);
    keep_at(jobs, app, trail::prune_every_hour);
    keep_at(jobs, app, attempts::purge_every_minute);
    keep_at(jobs, app, factors::purge_every_minute);
    keep_at(jobs, app, api_keys::purge_every_minute);
    if app.mailer.is_open() {
        keep_at(jobs, app, deliver::deliver_all_the_time);
    }
    keep_at(jobs, app, grants::expire_every_second);
    keep_at(jobs, app, groups::expire_every_second);
    keep_at(jobs, app, gate::write_uses_every_minute);
    keep_at(jobs, app, idempotency::purge_every_minute);
    keep_at(jobs, app, oauth::keys::keep_every_half_minute);
    keep_at(jobs, app, oauth::keys::listen_always);
    keep_at(jobs, app, oauth::tokens::purge_every_minute);
    keep_at(jobs, app, oauth::backchannel_logout::deliver_all_the_time);
}

async fn run(
    app: App,
    (listener, tls, cores): (TcpListener, Option<(Tls, Latest)>, Cores),
    places: Arc<Connections>,
    scraped: Option<TcpListener>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let stop = app.stopping.clone();
    let jobs = TaskTracker::new();
    keep_house(&jobs, &app);
    if !app.mailer.is_open() {
        tracing::warn!("no mail can be sent, so that nobody can ask for a new password by themselves: set SMTP_URL");
    }
    jobs.spawn(stop.clone().run_until_cancelled_owned(database::feel_the_pulse(app.db.clone())));
    let tls = tls.map(|(tls, latest)| keep_fresh(&jobs, &app, tls, latest));
    if let Some(listener) = scraped {
        let places = Arc::new(Connections::new(SCRAPERS, Vec::new()));
        jobs.spawn(accept::accept(
            (listener, Cores::default()),
            places,
            (metrics::page(app.platform.clone()), None),
            Metrics::default(),
            stop.clone(),
        ));
    }
    jobs.spawn(stop.clone().run_until_cancelled_owned(memory::give_back(Arc::clone(&places))));
    jobs.close();

    let (router, metrics) = (app::router(&app), app.metrics.clone());
    let accepting = accept::accept((listener, cores), places, (router, tls), metrics, stop.clone());
    let mut server = tokio::spawn(accepting);
    // What only the start needed.
    give_back_now();

    tokio::select! {
        ended = &mut server => bail!("the listener failed: {ended:?}"),
        () = signals.next() => {}
    }
    tracing::info!("stopping: requests under way get {} s; signal again to stop at once", GRACE.as_secs());
    stop.cancel();
    tokio::select! {
        ended = &mut server => ended.context("the listener failed")?,
        () = tokio::time::sleep(GRACE) => tracing::warn!("requests were still under way"),
        () = signals.next() => {}
    }
    jobs.wait().await;
    // What still waits for Postgres has had its time.
    let _ = tokio::time::timeout(CLOSING, app.db.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Shows the certificate that is in the files, whenever that is another one.
fn keep_fresh(jobs: &TaskTracker, app: &App, tls: Tls, latest: Latest) -> Arc<Tls> {
    let tls = Arc::new(tls);
    let looks = Arc::clone(&tls).keep_fresh(app.clock.clone(), latest);
    jobs.spawn(app.stopping.clone().run_until_cancelled_owned(looks));
    tls
}

/// Does a job until the end. One that waits for a Postgres that hangs begins anew.
fn keep_at<F: FromRef<App> + Clone + Send + Sync + 'static, J: Future<Output = ()> + Send + 'static>(
    jobs: &TaskTracker,
    app: &App,
    job: impl Fn(F) -> J + Send + Sync + 'static,
) {
    let (stop, floor) = (app.stopping.clone(), F::from_ref(app));
    let always = async move { while database::unless_hung(job(floor.clone())).await.is_none() {} };
    jobs.spawn(stop.run_until_cancelled_owned(always));
}

/// Those that say stop. They are caught as soon as this exists, so that one right after the start is not missed.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The first start makes an administrator: the one of `ADMIN` and `ADMIN_PASSWORD`, or one with a random password that
/// is shown once, on the terminal and nowhere else.
async fn make_first_admin(app: &App) -> anyhow::Result<()> {
    if let Some(admin) = named_admin(&app.config)? {
        let username = admin.username.clone();
        match ensure_an_administrator(app, admin).await.context("ADMIN_PASSWORD")? {
            Ok(true) => tracing::info!(username = username.as_str(), "made the first administrator"),
            Ok(false) => tell_if_ignored(app, username.as_str()).await?,
            Err(_taken) => {
                let username = username.as_str();
                bail!("ADMIN: {username} exists, but is not an administrator: run `portero admin add {username}`")
            }
        }
        return Ok(());
    }
    if !std::io::stderr().is_terminal() || is_somebody(app, "admin").await? {
        let now = app.clock.now();
        if !gate::store::is_there_an_administrator(&mut *app.db.read().await?, now).await? {
            tracing::warn!(
                "there is no administrator: run `portero admin add <username>`, or set ADMIN and ADMIN_PASSWORD"
            );
        }
        return Ok(());
    }
    let password = random_password()?;
    let shown = zeroize::Zeroizing::new(String::from_utf8_lossy(password.as_bytes()).into_owned());
    let username = "admin".parse().map_err(|fault: String| anyhow::anyhow!(fault))?;
    if ensure_an_administrator(app, FirstAdmin { username, password }).await?.map_err(Error::from)? {
        let mut terminal = std::io::stderr().lock();
        writeln!(terminal, "\nThe first administrator: username `admin`, password `{}`", shown.as_str())?;
        writeln!(terminal, "It is shown this once; `portero admin reset-password admin` makes another.\n")?;
    }
    Ok(())
}

/// The administrator of `ADMIN` and `ADMIN_PASSWORD`.
fn named_admin(config: &Config) -> anyhow::Result<Option<FirstAdmin>> {
    let Some((username, password)) = &config.first_admin else { return Ok(None) };
    let username = username.parse().map_err(|fault| anyhow::anyhow!("ADMIN: {fault}"))?;
    let password = Password::try_from(password.expose().to_owned());
    let password = password.map_err(|fault| anyhow::anyhow!("ADMIN_PASSWORD: {fault}"))?;
    Ok(Some(FirstAdmin { username, password }))
}

/// Looks at them before anything is made, where there surely is no administrator yet.
fn look_at_first_admin(config: &Config) -> anyhow::Result<()> {
    let Some(admin) = named_admin(config)? else { return Ok(()) };
    if config.database_url.is_none() && !Postgres::is_in(&config.data_dir)? {
        config.passwords.accept(&admin.password, &[admin.username.as_str()]).context("ADMIN_PASSWORD")?;
    }
    Ok(())
}

/// They make nobody beside an administrator that there is already.
async fn tell_if_ignored(app: &App, username: &str) -> anyhow::Result<()> {
    let now = app.clock.now();
    let there = gate::store::administrators(&mut *app.db.read().await?, now).await?;
    if there.iter().all(|person| person.username != username) {
        tracing::warn!(
            "ADMIN={username} is ignored, as there is an administrator already; to make another: portero admin add {username}"
        );
    }
    Ok(())
}

async fn is_somebody(app: &App, username: &str) -> anyhow::Result<bool> {
    Ok(gate::store::people::find(&mut *app.db.read().await?, &Ref::parse_name(username)).await?.is_some())
}

fn announce(app: &App, mode: Mode, (by_tls, has_example): (bool, bool), address: SocketAddr) {
    let url = format!("{}://{address}", if by_tls { "https" } else { "http" });
    let mut out = std::io::stdout().lock();
    // A closed standard output must not stop a server.
    let _ = match mode {
        Mode::Serve => writeln!(out, "Portero is ready at {url} (its routes: {url}/docs)"),
        Mode::Demo => {
            let advice = demo::advice(&url, app.issuer.as_str(), has_example);
            writeln!(out, "Portero is ready at {url} with the demo data (its routes: {url}/docs)\n\n{advice}")
        }
    };
    let _ = out.flush();
    tracing::info!(%address, "ready");
}
