//! `sub-map`: print the old and the new `sub` of each restored user of a pool.

use std::io;

use clap::Args;
use shared::catalog::Catalog;
use shared::model::{PoolId, Restore, RunId};
use shared::ports::vault::Vault;

use super::{Deployment, Session};
use crate::arguments;
use crate::exit::ExitStatus;
use crate::output::flags::command;
use crate::output::{Answer, LineFormat, SubMapLines, heading};
use crate::problem::{Problem, Result};
use crate::sub_maps::MergedSubMaps;

/// The restores into a pool that the map covers. No pool has more.
const MAX_RESTORES: u32 = 10_000;

/// The arguments of `sub-map`.
#[derive(Debug, Args)]
pub struct SubMapArgs {
    /// The target pool of the restore
    #[arg(long, value_name = "POOL_ID")]
    pub into: String,
    /// The restore: an id that `status --pool` shows [default: all restores into the pool]
    #[arg(long, value_name = "ID")]
    pub restore: Option<String>,
    /// The format of the lines [default: csv, or jsonl with --json]
    #[arg(long)]
    pub format: Option<LineFormat>,
}

/// A sub map to print.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    restore: Option<RunId>,
    format: LineFormat,
}

/// Why the map was not printed to its end.
enum Stopped {
    /// The table could not be read.
    Unread(shared::Error),
    /// stdout could not be written.
    Unwritten(io::Error),
}

impl From<shared::Error> for Stopped {
    fn from(error: shared::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl Request {
    /// Reads and checks the arguments. `json` is the option of every verb.
    ///
    /// # Errors
    /// If a pool id or a restore id cannot be read, or both CSV and JSON are asked for.
    pub fn read(args: &SubMapArgs, json: bool) -> Result<Self> {
        let format = match (args.format, json) {
            (Some(LineFormat::Csv), true) => {
                return Err(Problem::refused(
                    "InvalidInput",
                    "--json asks for JSON, --format csv for CSV.".to_owned(),
                    "Leave one of them out.".to_owned(),
                ));
            }
            (None, true) => LineFormat::Jsonl,
            (asked_for, _) => asked_for.unwrap_or(LineFormat::Csv),
        };
        let pool = arguments::read("--into", &args.into, PoolId::parse)?;
        Ok(Self {
            restore: args.restore.as_deref().map(|id| restore_id(id, &pool)).transpose()?,
            pool,
            format,
        })
    }

    /// The target pool of the restore.
    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Prints the map.
    ///
    /// # Errors
    /// If the restore does not exist, the table cannot be read, or stdout cannot be written. A closed pipe is no error.
    pub async fn run<E, V: Vault, S>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let restores = self.find(deployment).await?;
        // A bar would mix with the lines.
        session.meter.end();
        session.meter.note(&heading(&self.pool, &restores, (session.now)()));
        match self.print(&deployment.catalog, &restores, session.lines).await {
            Ok(counted) => session.meter.note(&counted),
            Err(Stopped::Unwritten(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(Stopped::Unwritten(error)) => return Err(Problem::unwritten(&error)),
            Err(Stopped::Unread(error)) => return Err(error.into()),
        }
        Ok(Answer::already_written(ExitStatus::Done))
    }

    /// The restores of the map, newest first.
    async fn find<E, V: Vault>(&self, deployment: &Deployment<E, V>) -> Result<Vec<Restore>> {
        let catalog = &deployment.catalog;
        let found = match &self.restore {
            Some(id) => catalog.restore_with_sub_map(&self.pool, id).await?.into_iter().collect(),
            None => catalog.restores_with_sub_maps(&self.pool, MAX_RESTORES, |_| true).await?,
        };
        if !found.is_empty() {
            return Ok(found);
        }
        let which = self.restore.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        Err(Problem::refused(
            "RestoreNotFound",
            format!("There is no restore{which} into user pool {} in {}.", self.pool, deployment.place()),
            format!(
                "Check the id, and that imports write to this table. `{}` lists the newest restores.",
                command(format!("status --pool {}", self.pool))
            ),
        ))
    }

    /// Prints the map page by page. Returns the counts in words.
    async fn print<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        restores: &[Restore],
        out: &mut dyn io::Write,
    ) -> Result<String, Stopped> {
        let mut lines = SubMapLines::begin(out, self.format)?;
        let mut maps = MergedSubMaps::new(catalog, restores);
        loop {
            let entries = maps.next().await?;
            lines.write(&entries)?;
            if entries.is_empty() {
                return Ok(lines.to_string());
            }
        }
    }
}

fn restore_id(text: &str, pool: &PoolId) -> Result<RunId> {
    RunId::parse(text).map_err(|_| {
        Problem::refused(
            "InvalidInput",
            format!("{text:?} is not a restore id."),
            format!(
                "A restore id looks like 20261121T020000123Z-1a2b3c4d. `{}` lists the newest.",
                command(format!("status --pool {pool}"))
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(into: &str, restore: Option<&str>, format: Option<LineFormat>, json: bool) -> Result<Request> {
        Request::read(
            &SubMapArgs { into: into.to_owned(), restore: restore.map(str::to_owned), format },
            json,
        )
    }

    #[test]
    fn json_means_json_lines() {
        use LineFormat::{Csv, Jsonl};
        let chosen =
            |format, json| read("eu-west-1_b", None, format, json).map(|request| request.format).ok();
        assert_eq!([chosen(None, false), chosen(Some(Csv), false)], [Some(Csv); 2]);
        assert_eq!(
            [chosen(None, true), chosen(Some(Jsonl), true), chosen(Some(Jsonl), false)],
            [Some(Jsonl); 3]
        );
        assert_eq!(chosen(Some(Csv), true), None);
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        let csv_as_json = read("eu-west-1_b", None, Some(LineFormat::Csv), true);
        for wrong in
            [read("b", None, None, false), read("eu-west-1_b", Some("latest"), None, false), csv_as_json]
        {
            let problem = wrong.unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert!(!problem.guidance.is_empty() && !problem.message.contains("snapshot"));
        }
    }
}
