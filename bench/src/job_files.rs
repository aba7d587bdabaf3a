//! The CSV files and logs of import jobs. The bench reads each row when it is written, and stores only the
//! user's number and version.

use std::sync::Arc;
use std::time::Duration;

use heap::uncounted;
use shared::Result;
use shared::ports::job_files::{JobFile, JobFiles, JobLog, LogError, LogPage, UploadError};
use shared::ports::pool::PresignedUrl;

use crate::import_jobs::Row;
use crate::population::Population;
use crate::service::Service;

/// How long an upload takes. This is an assumption.
const UPLOAD_TIME: Duration = Duration::from_secs(2);

/// The files and logs of the service's import jobs.
#[derive(Debug)]
pub struct SimulatedJobFiles {
    service: Arc<Service>,
}

impl SimulatedJobFiles {
    /// The files and logs of a service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl JobFiles for SimulatedJobFiles {
    type File = SimulatedJobFile;

    fn log_role(&self) -> Option<&str> {
        Some("arn:aws:iam::123456789012:role/import-job-logs")
    }

    fn begin(&self) -> Result<SimulatedJobFile> {
        let reader = RowReader::new(self.service.population());
        Ok(SimulatedJobFile { service: Arc::clone(&self.service), reader })
    }

    /// Always empty: no job of the bench refuses a user.
    async fn log(&self, _: &JobLog, _: Option<&str>) -> std::result::Result<LogPage, LogError> {
        Ok(LogPage::default())
    }
}

/// A file before its upload.
#[derive(Debug)]
pub struct SimulatedJobFile {
    service: Arc<Service>,
    reader: RowReader,
}

impl JobFile for SimulatedJobFile {
    async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        uncounted(|| self.reader.read(bytes));
        Ok(())
    }

    async fn upload(&mut self, to: &PresignedUrl) -> std::result::Result<(), UploadError> {
        tokio::time::sleep(UPLOAD_TIME).await;
        uncounted(|| {
            let rows = std::mem::take(&mut self.reader.rows);
            let is_uploaded = self.service.state().import_jobs.upload(to, rows, self.reader.unknown_rows);
            is_uploaded.then_some(()).ok_or_else(|| UploadError("403".to_owned()))
        })
    }
}

/// Reads the rows of a CSV file by Cognito's documented rules.
/// Source: "Importing users into user pools from a CSV file", Amazon Cognito developer guide.
#[derive(Debug)]
struct RowReader {
    population: Population,
    /// The columns `cognito:username` and `updated_at`, after the header.
    columns: Option<(usize, usize)>,
    /// The beginning of a line whose end is not written yet.
    line: Vec<u8>,
    rows: Vec<Row>,
    /// How many rows name no user of the source.
    unknown_rows: u64,
}

impl RowReader {
    fn new(population: Population) -> Self {
        Self { population, columns: None, line: Vec::new(), rows: Vec::new(), unknown_rows: 0 }
    }

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
        match self
            .population
            .number_with_username(value(username))
            .zip(Population::version_of(value(updated_at)))
        {
            Some(row) => self.rows.push(row),
            None => self.unknown_rows += 1,
        }
    }
}

/// The values of a row. A backslash escapes a comma within a value.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::People;

    #[test]
    fn a_csv_file_is_read_the_same_in_pieces_of_any_size() {
        let mut reader =
            RowReader::new(Population { users: 100, groups: 0, seed: 1, people: People::Ordinary });
        let file = format!(
            "name,updated_at,cognito:username\na\\, b,1760086400,{}\nx,1760000000,unknown\n",
            Population::username(9)
        );
        for piece in file.as_bytes().chunks(7) {
            reader.read(piece);
        }
        assert_eq!(reader.rows, [(9, 1)]);
        assert_eq!(reader.unknown_rows, 1);
    }
}
