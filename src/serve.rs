//! Start, serve, stop: a checklist.

mod accept;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{self, App};
use crate::changes::{self, Feed, Pace};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::{self, Database};
use crate::id::Ref;
use crate::keys::LastUses;
use crate::login::{FirstAdmin, ensure_an_administrator, random_password};
use crate::passwords::{Hasher, Password};
use crate::{tokens, users};

/// Requests under way get this long to finish after the first signal; a second signal ends them.
const GRACE: Duration = Duration::from_secs(10);

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
        // Nobody demonstrates with passwords worth guessing.
        config.passwords.min_length = 1;
    }
    for typo in &config.probable_typos {
        tracing::warn!("{typo}");
    }
    let database = match mode {
        Mode::Serve => Database::to_serve(&config).await?,
        Mode::Demo => Database::to_demonstrate(&config).await?,
    };
    let served = serve_on(&database, config, mode).await;
    database.stop().await;
    served
}

async fn serve_on(database: &Database, config: Config, mode: Mode) -> anyhow::Result<()> {
    database.migrate().await?;
    if mode == Mode::Demo {
        database::load_demo_data(&database.options).await?;
    }
    let app = build(database, config)?;
    make_first_admin(&app).await?;
    let listener = listen(app.config.listen).await?;
    if mode == Mode::Demo && !app.config.listen.ip().is_loopback() {
        tracing::warn!("the demo's passwords are known to everybody, and others can reach {}", app.config.listen);
    }
    announce(mode, listener.local_addr()?);
    run(app, listener).await
}

/// The app on a database.
pub fn build(database: &Database, config: Config) -> anyhow::Result<App> {
    let hasher = Hasher::start(config.hash_threads).context("can't start the hashing threads")?;
    let stopping = CancellationToken::new();
    let changes = Feed::new(database, &config, Pace::default(), stopping.clone())?;
    Ok(App {
        db: database.pool(config.max_connections),
        config: Arc::new(config),
        clock: Clock::default(),
        hasher,
        key_uses: LastUses::default(),
        changes,
        stopping,
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("can't listen on {address}: is another Portero running? set SERVER_PORT to another port")
    })
}

async fn run(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let stop = app.stopping.clone();
    let jobs = TaskTracker::new();
    let purge = tokens::purge_every_minute(app.clone());
    let prune = changes::prune_every_minute(app.clone());
    jobs.spawn(stop.clone().run_until_cancelled_owned(purge));
    jobs.spawn(stop.clone().run_until_cancelled_owned(prune));
    jobs.close();

    let mut server = tokio::spawn(accept::accept(listener, app::router(&app), stop.clone()));

    tokio::select! {
        ended = &mut server => bail!("the listener failed: {ended:?}"),
        () = signalled() => {}
    }
    tracing::info!("stopping: requests under way get {} s; signal again to stop at once", GRACE.as_secs());
    stop.cancel();
    tokio::select! {
        ended = &mut server => ended.context("the listener failed")?,
        () = tokio::time::sleep(GRACE) => tracing::warn!("requests were still under way"),
        () = signalled() => {}
    }
    jobs.wait().await;
    // What still waits for Postgres has had its time.
    let _ = tokio::time::timeout(CLOSING, app.db.close()).await;
    tracing::info!("stopped");
    Ok(())
}

async fn signalled() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The first start makes an administrator: the one of `ADMIN` and `ADMIN_PASSWORD`, or one with a random password that
/// is shown once, on the terminal and nowhere else.
async fn make_first_admin(app: &App) -> anyhow::Result<()> {
    if let Some((username, password)) = &app.config.first_admin {
        let admin = FirstAdmin {
            username: username.parse().map_err(|fault| anyhow::anyhow!("ADMIN: {fault}"))?,
            password: Password::try_from(password.expose().to_owned())
                .map_err(|fault| anyhow::anyhow!("ADMIN_PASSWORD: {fault}"))?,
        };
        match ensure_an_administrator(app, admin).await {
            Ok(true) => tracing::info!(username, "made the first administrator"),
            Ok(false) => {}
            Err(error) if error.status() == StatusCode::CONFLICT => {
                bail!("ADMIN: {username} is somebody already, but no administrator: run `portero admin add {username}`")
            }
            Err(error) => return Err(error).context("ADMIN, ADMIN_PASSWORD"),
        }
        return Ok(());
    }
    if !std::io::stderr().is_terminal() || is_somebody(app, "admin").await? {
        if crate::access::store::administrators(&mut *app.db.acquire().await?).await?.is_empty() {
            tracing::warn!(
                "there is no administrator: run `portero admin add <username>`, or set ADMIN and ADMIN_PASSWORD"
            );
        }
        return Ok(());
    }
    let password = random_password()?;
    let shown = zeroize::Zeroizing::new(String::from_utf8_lossy(password.as_bytes()).into_owned());
    let username = "admin".parse().map_err(|fault: String| anyhow::anyhow!(fault))?;
    if ensure_an_administrator(app, FirstAdmin { username, password }).await? {
        let mut terminal = std::io::stderr().lock();
        writeln!(terminal, "\nThe first administrator: username `admin`, password `{}`", shown.as_str())?;
        writeln!(terminal, "It is shown this once; `portero admin reset-password admin` makes another.\n")?;
    }
    Ok(())
}

async fn is_somebody(app: &App, username: &str) -> anyhow::Result<bool> {
    Ok(users::store::find(&mut *app.db.acquire().await?, &Ref::parse_name(username)).await?.is_some())
}

fn announce(mode: Mode, address: SocketAddr) {
    let url = format!("http://{address}");
    let mut out = std::io::stdout().lock();
    // A closed standard output must not stop a server.
    let _ = match mode {
        Mode::Serve => writeln!(out, "Portero is ready at {url} (its routes: {url}/docs)"),
        Mode::Demo => writeln!(
            out,
            "Portero is ready at {url} with the demo data (its routes: {url}/docs)\n\n\
             Log in:\n  curl -s {url}/auth/login -d '{{\"username\":\"juan\",\"password\":\"juan-hash\"}}'\n\n\
             Check the token, and what its holder may do in service 4:\n  \
             TOKEN=$(curl -s {url}/auth/login -d '{{\"username\":\"juan\",\"password\":\"juan-hash\"}}' | \
             grep -o 'ptk_[0-9a-f]*')\n  \
             curl -s -X POST {url}/check-token -H \"token: $TOKEN\" -d '{{\"service_id\":4,\"permission\":\"read\"}}'\n"
        ),
    };
    let _ = out.flush();
    tracing::info!(%address, "ready");
}
