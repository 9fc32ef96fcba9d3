//! What logins compare with, many in one statement.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store::{self, LoginRecord};
use crate::base::error::Result;
use crate::base::names;
use crate::base::network::Network;
use crate::gate::audit::Origin;
use crate::identity::attempts::name_key;
use crate::identity::devices::Device;
use crate::platform::database::BatchQuery;

/// Somebody says who they are.
#[derive(Clone, Debug)]
pub struct LoginClaim {
    /// The username that they say is theirs, if it can be one.
    pub username: Option<String>,
    /// Where their failures count if they are nobody.
    pub name_key: String,
    pub network: Network,
    pub device: Device,
    /// When they said it.
    pub began: OffsetDateTime,
}

impl LoginClaim {
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

impl BatchQuery for StoredCredentials {
    const NAME: &'static str = "credentials";
    type Ask = LoginClaim;
    type Answer = LoginRecord;

    async fn ask(&self, conn: &mut PgConnection, asked: &[LoginClaim]) -> Result<Vec<LoginRecord>> {
        store::credentials(conn, asked).await
    }
}
