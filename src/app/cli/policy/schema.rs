//! `portero policy schema`: a service's resource types, as the tables of its own Postgres have them.

use anyhow::bail;

use super::store::{self, Table};
use super::{OfService, given};
use crate::access::policies::language::ColumnType;
use crate::access::policies::{Columns, NewResourceType, TypeName, declare};
use crate::app::cli::output::{Row, count, remark};
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::name_of_service;
use crate::base::secret::Secret;
use crate::gate::audit::AuditedTx;
use crate::platform::database::Address;

#[derive(Debug, clap::Args)]
pub(in crate::app::cli) struct Args {
    /// The service's database: `postgres://…`. `-` asks for the URL, which may hold a password.
    #[arg(long, value_name = "URL")]
    from: Secret,
    /// The schema whose tables are meant.
    #[arg(long, default_value = "public")]
    schema: String,
    /// Only these tables.
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Only show what would be declared.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: OfService,
}

/// A type that was read.
#[derive(Debug, serde::Serialize)]
struct Declared {
    name: String,
    columns: Columns,
    /// Columns of other types, which policies can't name.
    left_out: Vec<String>,
}

impl Row for Declared {
    const HEADER: &'static [&'static str] = &["type", "columns", "left out"];

    fn cells(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|(name, kind)| format!("{name} {kind}"));
        vec![self.name.clone(), columns.collect::<Vec<_>>().join(", "), self.left_out.join(", ")]
    }
}

pub(super) async fn declare_tables(args: Args, mut tx: AuditedTx, tool: &Tool) -> anyhow::Result<()> {
    let service = args.of.find(&mut tx).await?;
    let url = given(args.from)?;
    let address = Address::parse(url.expose()).map_err(|fault| anyhow::anyhow!("the URL of the database {fault}"))?;
    let mut conn = address.quiet().connect_to_read().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let tables = store::tables(&mut conn, &args.schema).await?;
    let wanted = |table: &&Table| args.tables.is_empty() || args.tables.contains(&table.name);
    let declared: Vec<Declared> = tables.iter().filter(wanted).map(read).collect();
    if let Some(missing) = args.tables.iter().find(|name| declared.iter().all(|table| table.name != **name)) {
        bail!("there is no table `{missing}` in the schema `{}`", args.schema);
    }
    if declared.is_empty() {
        bail!("there is no table in the schema `{}`", args.schema);
    }
    let mut done = 0;
    for table in &declared {
        let name: TypeName = match table.name.parse() {
            Ok(name) => name,
            Err(fault) => {
                remark(&format!("left out the table `{}`: {fault}", table.name));
                continue;
            }
        };
        declare(&mut tx, service, &name, &NewResourceType { columns: table.columns.clone() }, None).await?;
        done += 1;
    }
    tool.output.list(&declared)?;
    if args.dry_run {
        remark("nothing was declared: this was a dry run");
        return Ok(());
    }
    let place = name_of_service(&mut tx, service).await?;
    tx.commit([]).await?;
    remark(&format!("declared {} in {place}", count(done, "type", "types")));
    Ok(())
}

fn read(table: &Table) -> Declared {
    let mut declared = Declared { name: table.name.clone(), columns: Columns::new(), left_out: Vec::new() };
    for (name, kind) in &table.columns {
        match ColumnType::of_name(kind) {
            Some(known) => {
                declared.columns.insert(name.clone(), known.to_string());
            }
            None => declared.left_out.push(format!("{name} {kind}")),
        }
    }
    declared
}
