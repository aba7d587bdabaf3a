//! Import jobs of the target: a file is read as it is written, and only who is in it is kept.

use std::sync::Arc;
use std::time::Duration;

use heap::uncounted;
use jiff::SignedDuration;
use shared::Result;
use shared::model::JobId;
use shared::ports::job_files::{JobFile, JobFiles, JobLog, LogError, LogPage, UploadError};
use shared::ports::pool::{ImportJob, JobStatus, PoolErrorKind, PresignedUrl};

use crate::population::{Population, Version};
use crate::service::Service;
use crate::target::Way;

/// How long a job takes: an assumption, on which nothing but the time of such a restore depends. Cognito says nothing about it.
const BEFORE_FIRST_ROW: Duration = Duration::from_secs(60);
/// Rows that a job reads in a second: an assumption, too, from AWS's figures for its own solution, 100,000 users in 56 minutes.
const ROWS_PER_SECOND: u64 = 30;

/// The columns of a file, in their order.
pub fn header(attributes: impl Iterator<Item = String>) -> Vec<String> {
    let own = ["cognito:mfa_enabled", "cognito:username"].map(str::to_owned);
    attributes.filter(|name| name != "sub").chain(own).collect()
}

/// Jobs of the target.
#[derive(Debug, Default)]
pub struct Jobs {
    all: Vec<Job>,
}

#[derive(Debug)]
struct Job {
    /// Who is in its file, once that is there.
    rows: Option<Vec<(u32, Version)>>,
    /// When it ends, once it was started.
    ends: Option<Duration>,
    ended: bool,
    imported: u64,
    failed: u64,
}

impl Jobs {
    fn number(id: &JobId) -> Option<usize> {
        id.as_str().strip_prefix("import-")?.parse().ok()
    }

    /// CreateUserImportJob.
    pub fn create(&mut self) -> ImportJob {
        self.all.push(Job { rows: None, ends: None, ended: false, imported: 0, failed: 0 });
        self.shown(self.all.len() - 1)
    }

    fn shown(&self, number: usize) -> ImportJob {
        let job = &self.all[number];
        let status = match (job.ends, job.ended) {
            (_, true) => JobStatus::Succeeded,
            (Some(_), false) => JobStatus::InProgress,
            (None, false) => JobStatus::Created,
        };
        let id = JobId::new(format!("import-{number}"));
        let upload_to = PresignedUrl::new(format!("https://jobs.invalid/{id}"));
        ImportJob { id, upload_to, status, imported: job.imported, skipped: 0, failed: job.failed }
    }

    /// StartUserImportJob.
    pub fn start(&mut self, id: &JobId, now: Duration) -> std::result::Result<ImportJob, (PoolErrorKind, &'static str)> {
        let refused = (PoolErrorKind::Refused, "PreconditionNotMetException");
        let is_idle = self.all.iter().all(|job| job.ends.is_none() || job.ended);
        let number = Self::number(id).filter(|&number| number < self.all.len()).ok_or(refused)?;
        let job = &mut self.all[number];
        let rows = job.rows.as_ref().filter(|_| is_idle && job.ends.is_none()).ok_or(refused)?.len() as u64;
        job.ends = Some(now + BEFORE_FIRST_ROW + Duration::from_secs(rows / ROWS_PER_SECOND));
        Ok(self.shown(number))
    }

    /// DescribeUserImportJob.
    pub fn describe(&self, id: &JobId) -> Option<ImportJob> {
        Self::number(id).filter(|&number| number < self.all.len()).map(|number| self.shown(number))
    }

    /// Who is in the files of jobs whose time has come, which end now. The first value finds the job again.
    pub fn due(&mut self, now: Duration) -> Option<(usize, Vec<(u32, Version)>)> {
        let is_due = |job: &Job| !job.ended && job.ends.is_some_and(|ends| ends <= now);
        let number = self.all.iter().position(is_due)?;
        self.all[number].ended = true;
        Some((number, self.all[number].rows.take().unwrap_or_default()))
    }

    /// Notes what became of the rows of a job.
    pub fn note(&mut self, number: usize, imported: u64, failed: u64) {
        (self.all[number].imported, self.all[number].failed) = (imported, failed);
    }
}

/// Files and logs of jobs.
#[derive(Debug)]
pub struct SimulatedJobFiles {
    service: Arc<Service>,
}

impl SimulatedJobFiles {
    /// Those of a service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl JobFiles for SimulatedJobFiles {
    type File = SimulatedFile;

    fn log_role(&self) -> Option<&str> {
        Some("arn:aws:iam::123456789012:role/import-job-logs")
    }

    fn begin(&self) -> Result<SimulatedFile> {
        let reader = Reader { people: self.service.people(), columns: None, line: Vec::new(), rows: Vec::new(), unread: 0 };
        Ok(SimulatedFile { service: Arc::clone(&self.service), reader })
    }

    /// Nothing: no job of the bench leaves anybody out, so nobody needs to read why.
    async fn log(&self, _: &JobLog, _: Option<&str>) -> std::result::Result<LogPage, LogError> {
        Ok(LogPage::default())
    }
}

/// A file under work.
#[derive(Debug)]
pub struct SimulatedFile {
    service: Arc<Service>,
    reader: Reader,
}

impl JobFile for SimulatedFile {
    async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        uncounted(|| self.reader.read(bytes));
        Ok(())
    }

    async fn upload(&mut self, to: &PresignedUrl) -> std::result::Result<(), UploadError> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        uncounted(|| {
            let mut world = self.service.world();
            let number = to.reveal().rsplit_once("import-").and_then(|(_, number)| number.parse::<usize>().ok());
            let Some(job) = number.and_then(|number| world.jobs.all.get_mut(number)) else {
                return Err(UploadError("403".to_owned()));
            };
            job.failed = self.reader.unread;
            job.rows = Some(std::mem::take(&mut self.reader.rows));
            Ok(())
        })
    }
}

/// Reads rows: the documented rules, and no more.
#[derive(Debug)]
struct Reader {
    people: Population,
    /// The columns of username and time of change, once the header is read.
    columns: Option<(usize, usize)>,
    /// A line that has not ended yet.
    line: Vec<u8>,
    rows: Vec<(u32, Version)>,
    /// Rows of nobody.
    unread: u64,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend(part);
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                let line = std::mem::take(&mut self.line);
                self.read_line(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn read_line(&mut self, line: &str) {
        let values = values(line);
        let Some((username, updated_at)) = self.columns else {
            let column = |name: &str| values.iter().position(|value| value == name).unwrap_or(usize::MAX);
            self.columns = Some((column("cognito:username"), column("updated_at")));
            return;
        };
        let value = |column: usize| values.get(column).map_or("", String::as_str);
        match self.people.number_named(value(username)).zip(Population::version_of(value(updated_at))) {
            Some(row) => self.rows.push(row),
            None => self.unread += 1,
        }
    }
}

/// The values of a row: a comma within one is written with a backslash.
fn values(line: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, values.last_mut()) {
            (',', _) => values.push(String::new()),
            ('\\', Some(value)) => value.extend(characters.next()),
            (other, Some(value)) => value.push(other),
            (_, None) => {}
        }
    }
    values
}

impl crate::service::World {
    /// Has jobs come to their end whose time has come.
    pub fn run_jobs(&mut self, now: Duration, wall: jiff::Timestamp) {
        while let Some((number, rows)) = self.jobs.due(now) {
            let before = rows.len() as u64;
            let created = rows.into_iter().enumerate().filter(|&(at, (user, version))| {
                // They come into being one after the other; the last one now.
                let ago = SignedDuration::from_secs((before - at as u64) as i64 / ROWS_PER_SECOND as i64);
                self.target.create(user, version, wall - ago, Way::Job)
            });
            let imported = created.count() as u64;
            self.jobs.note(number, imported, before - imported);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whatever_pieces_it_comes_in() {
        let people = Population { users: 100, groups: 0, seed: 1 };
        let mut reader = Reader { people, columns: None, line: Vec::new(), rows: Vec::new(), unread: 0 };
        let file =
            format!("name,updated_at,cognito:username\na\\, b,1760086400,{}\nx,1760000000,nobody\n", Population::username(9));
        for piece in file.as_bytes().chunks(7) {
            reader.read(piece);
        }
        assert_eq!(reader.rows, [(9, 1)]);
        assert_eq!(reader.unread, 1);
    }

    #[test]
    fn a_job_needs_its_file_and_its_time() {
        let mut jobs = Jobs::default();
        let id = jobs.create().id;
        let at = Duration::from_secs;
        assert!(jobs.start(&id, at(0)).is_err());
        jobs.all[0].rows = Some(vec![(1, 0); 2_000]);
        assert_eq!(jobs.start(&id, at(10)).map(|job| job.status), Ok(JobStatus::InProgress));
        let ends = 10 + 60 + 2_000 / ROWS_PER_SECOND;
        assert!(jobs.due(at(ends - 1)).is_none());
        assert_eq!(jobs.due(at(ends)).map(|(number, rows)| (number, rows.len())), Some((0, 2_000)));
        jobs.note(0, 2_000, 0);
        let job = jobs.describe(&id).unwrap();
        assert_eq!((job.status, job.imported), (JobStatus::Succeeded, 2_000));
    }
}
