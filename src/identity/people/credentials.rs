//! What logins compare with, many in one statement.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store::{self, Found};
use crate::base::error::Result;
use crate::base::names;
use crate::base::network::Network;
use crate::gate::audit::Origin;
use crate::identity::attempts::name_key;
use crate::identity::devices::Device;
use crate::platform::database::Question;

/// Somebody says who they are.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The username that they say is theirs, if it can be one.
    pub username: Option<String>,
    /// Where their failures count if they are nobody.
    pub name_key: String,
    /// Where they are.
    pub network: Network,
    /// With what.
    pub device: Device,
    /// When they said it.
    pub began: OffsetDateTime,
}

impl Claim {
    /// The claim to be `name`. No username ends in a space, and keyboards of phones add one.
    pub fn new(name: &str, origin: &Origin, began: OffsetDateTime) -> Self {
        Self {
            username: names::typed(name),
            name_key: name_key(name),
            network: origin.network(),
            device: Device::of_origin(origin),
            began,
        }
    }
}

/// What is stored about those who want to log in, if they are anybody.
#[derive(Debug)]
pub struct StoredCredentials;

impl Question for StoredCredentials {
    const NAME: &'static str = "credentials";
    type Ask = Claim;
    type Answer = Found;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Claim]) -> Result<Vec<Found>> {
        store::credentials(conn, asked).await
    }
}
