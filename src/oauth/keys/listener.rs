//! Hearing that keys have changed: NOTIFY, where it comes through. Where it does not, all that is known is read anew every half
//! minute.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use crate::base::error::Result;
use crate::oauth::OAuth;
use crate::platform::database::{Address, is_outdated};

/// What the trigger `signing_keys_told` speaks on.
const CHANNEL: &str = "portero_signing_keys";

/// Between two attempts to listen.
const RETRY: Duration = Duration::from_secs(1);

/// How often a silent connection is asked about.
const LOOK: Duration = Duration::from_secs(1);

/// Listens until the app stops.
pub async fn listen_always(oauth: OAuth) {
    let Some(ears) = &oauth.ears else { return };
    loop {
        if let Err(error) = listen(&oauth, ears).await {
            tracing::debug!(%error, "can't listen for new signing keys; looking for them instead");
        }
        sleep(RETRY).await;
    }
}

/// Listens until the connection breaks.
async fn listen(oauth: &OAuth, ears: &Address) -> Result<()> {
    let begun = Instant::now();
    let mut listener = ears.listen(CHANNEL).await?;
    // Of what was said before, nothing was heard.
    oauth.keys.forget();
    loop {
        match timeout(LOOK, listener.try_recv()).await {
            Ok(Ok(Some(_))) => oauth.keys.forget(),
            Ok(Err(error)) => return Err(error.into()),
            // Other connections have ended meanwhile: this one may lead to where nothing is written any more.
            Err(_) if is_outdated(begun) => return Ok(()),
            Err(_) => {}
            Ok(Ok(None)) => return Ok(()),
        }
    }
}
