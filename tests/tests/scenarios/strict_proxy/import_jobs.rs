//! Goal: the user import jobs of the strict proxy behave as AWS documents.
//!
//! Method: create jobs, upload CSV files with a plain HTTP client, start the jobs, and compare their
//! status, counts and log.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::operation::create_user_pool::builders::CreateUserPoolFluentBuilder;
use aws_sdk_cognitoidentityprovider::types::{
    UserImportJobStatusType, UserImportJobType, UserStatusType, UsernameAttributeType, VerifiedAttributeType,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Fixture, INVALID, error_name};

const ROLE: &str = "arn:aws:iam::000000000000:role/import-logs";
const KMS: &str = "x-amz-server-side-encryption: aws:kms\r\n";

impl Fixture {
    async fn create_job(&self, pool: &str) -> Result<UserImportJobType> {
        let created = self
            .client
            .create_user_import_job()
            .user_pool_id(pool)
            .job_name("job")
            .cloud_watch_logs_role_arn(ROLE);
        created.send().await?.user_import_job.context("the output has no job")
    }

    /// A file with the pool's header and these rows: username, e-mail address, whether it is verified, and
    /// name.
    async fn csv_file(&self, pool: &str, rows: &[(&str, &str, &str, &str)]) -> Result<String> {
        let columns =
            self.client.get_csv_header().user_pool_id(pool).send().await?.csv_header.unwrap_or_default();
        let row = |(username, email, verified, name): &(&str, &str, &str, &str)| {
            let value = |column: &String| match column.as_str() {
                "cognito:username" => *username,
                "email" => *email,
                "email_verified" => *verified,
                "name" => *name,
                "cognito:mfa_enabled" => "false",
                _ => "",
            };
            columns.iter().map(value).collect::<Vec<_>>().join(",")
        };
        let rows: Vec<_> = std::iter::once(columns.join(",")).chain(rows.iter().map(row)).collect();
        Ok(rows.join("\n"))
    }

    async fn start_job(&self, pool: &str, job: &UserImportJobType) -> String {
        let id = job.job_id.clone().unwrap_or_default();
        error_name(self.client.start_user_import_job().user_pool_id(pool).job_id(id).send().await)
    }

    async fn describe_job(&self, pool: &str, job: &UserImportJobType) -> Result<UserImportJobType> {
        let id = job.job_id.clone().unwrap_or_default();
        let described = self.client.describe_user_import_job().user_pool_id(pool).job_id(id).send().await?;
        described.user_import_job.context("the output has no job")
    }

    /// Uploads a file, starts the job and waits for its end. Returns the job's status, the numbers of
    /// imported, skipped and failed users, and the completion message.
    async fn run_job(&self, pool: &str, file: &str) -> Result<(String, [i64; 3], String)> {
        let job = self.create_job(pool).await?;
        assert_eq!(
            put(job.pre_signed_url.as_deref().unwrap_or_default(), KMS, file.as_bytes()).await?.0,
            200
        );
        assert_eq!(self.start_job(pool, &job).await, "none");
        loop {
            let described = self.describe_job(pool, &job).await?;
            if described.completion_date.is_some() {
                let counts = [described.imported_users, described.skipped_users, described.failed_users];
                let status = described.status.map(|status| status.as_str().to_owned()).unwrap_or_default();
                return Ok((status, counts, described.completion_message.unwrap_or_default()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn pool_with_verified_email(&self) -> Result<String> {
        self.create_pool(|pool| pool.auto_verified_attributes(VerifiedAttributeType::Email)).await
    }
}

/// Sends a plain HTTP request. Returns the status and the body of the reply.
async fn request(url: &str, method: &str, headers: &str, body: &[u8]) -> Result<(u16, String)> {
    let rest = url.strip_prefix("http://").context("the text is no HTTP URL")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await?;
    let length = format!("content-length: {}\r\n", body.len());
    let head =
        format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}{length}\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("the reply has no status")?.parse()?;
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

async fn put(url: &str, headers: &str, body: &[u8]) -> Result<(u16, String)> {
    request(url, "PUT", headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_job_creates_users_who_must_reset_their_passwords() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_verified_email().await?;
    fixture.create_user(&pool, "existing", &[]).send().await?;
    let before = fixture.strict.active_users(&pool);
    let rows = [
        ("anna", "a@example.com", "TRUE", r"Doe\, Anna"),
        ("existing", "t@example.com", "true", ""),
        ("bert", "b@example.com", "false", "not verified"),
        ("carl", "c@example.com", "true", r"C:\temp"),
        ("dora", "d@example.com", "true", "two\nlines"),
        ("anna", "a@example.com", "true", "again"),
        ("emil", "e@example.com", "true", ""),
    ];
    let file = fixture.csv_file(&pool, &rows).await?;
    let (status, counts, _) = fixture.run_job(&pool, &file).await?;
    assert_eq!((status.as_str(), counts), ("Succeeded", [3, 2, 3]), "a line break splits a row in two");
    let anna = fixture.client.admin_get_user().user_pool_id(&pool).username("anna").send().await?;
    assert_eq!(anna.user_status, Some(UserStatusType::ResetRequired));
    assert!(anna.user_attributes().iter().any(|attribute| attribute.value.as_deref() == Some("Doe, Anna")));
    assert_eq!(fixture.strict.messages(&pool), 0);
    assert_eq!(fixture.strict.active_users(&pool), before + 1, "only AdminGetUser made a user active");

    let lines = log_lines(&fixture, &pool).await?;
    let kinds: Vec<_> = lines.iter().map(|line| line.split(" - ").next().unwrap_or_default()).collect();
    let wanted = [
        "[SUCCEEDED] Line Number 2",
        "[SKIPPED] Line Number 3",
        "[FAILED] Line Number 4",
        "[FAILED] Line Number 5",
        "[FAILED] Line Number 6",
        "[SUCCEEDED] Line Number 7",
        "[SKIPPED] Line Number 8",
        "[SUCCEEDED] Line Number 9",
    ];
    assert_eq!(kinds, wanted);
    assert!(!lines.concat().contains("anna"), "the log holds no username");
    Ok(())
}

/// The log of the pool's only job.
async fn log_lines(fixture: &Fixture, pool: &str) -> Result<Vec<String>> {
    let call = async |operation: &str, input: Value| -> Result<Value> {
        let target = format!("x-amz-target: Logs_20140328.{operation}\r\n");
        let headers = format!("{target}content-type: application/x-amz-json-1.1\r\n");
        let (_, body) =
            request(&fixture.strict.url(), "POST", &headers, input.to_string().as_bytes()).await?;
        Ok(serde_json::from_str(&body)?)
    };
    let group = format!("/aws/cognito/userpools/{pool}/pool");
    let streams = call("DescribeLogStreams", json!({ "logGroupName": group })).await?;
    let stream = streams["logStreams"][0]["logStreamName"].as_str().context("the log group has no stream")?;
    assert!(stream.starts_with("import-") && stream.ends_with("/job"), "{stream}");
    let input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
    let events = call("GetLogEvents", input).await?;
    let events = events["events"].as_array().cloned().unwrap_or_default();
    Ok(events.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_job_fails_if_its_file_is_invalid_or_too_large() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_verified_email().await?;
    let rows = [("anna", "a@example.com", "true", ""), ("bert", "", "", ""), ("carl", "", "", "")];
    let valid = fixture.csv_file(&pool, &rows).await?;
    let header = valid.lines().next().unwrap_or_default();
    let with_mark = format!("\u{feff}{valid}");
    let lacks_column = valid.replacen("given_name,", "", 1);
    for file in [with_mark, lacks_column, format!("{header},unknown\n"), String::new()] {
        assert_eq!(fixture.run_job(&pool, &file).await?.0, "Failed");
    }
    fixture.strict.change_settings(|settings| settings.import.max_users = 2);
    assert_eq!(fixture.run_job(&pool, &valid).await?.0, "Failed", "too many users");
    fixture.strict.change_settings(|settings| {
        settings.import.max_users = 3;
        settings.import.max_bytes = valid.len() - 1;
    });
    assert_eq!(fixture.run_job(&pool, &valid).await?.0, "Failed", "too many bytes");
    fixture.strict.change_settings(|settings| {
        settings.import.max_bytes = valid.len();
        settings.import.max_failures = Some(1);
    });
    let (status, counts, message) = fixture.run_job(&pool, &valid).await?;
    assert_eq!((status.as_str(), counts), ("Failed", [1, 0, 2]), "{message}");
    assert_eq!(message, "Too many users have failed or been skipped during the import.");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_for_an_import_job_needs_its_header_and_must_be_in_time() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_verified_email().await?;
    let file = fixture.csv_file(&pool, &[]).await?;
    fixture.strict.stop_clock();
    let job = fixture.create_job(&pool).await?;
    let url = job.pre_signed_url.clone().context("the job has no URL")?;
    assert_eq!(put(&url, "", file.as_bytes()).await?.0, 403);
    assert_eq!(put(&url, "x-amz-server-side-encryption: AES256\r\n", file.as_bytes()).await?.0, 403);
    assert_eq!(request(&url, "POST", KMS, file.as_bytes()).await?.0, 403);
    assert_eq!(put(&url.replace("import-", "import-x"), KMS, file.as_bytes()).await?.0, 404);
    assert_eq!(fixture.start_job(&pool, &job).await, "PreconditionNotMetException", "the job has no file");
    assert_eq!(put(&url, KMS, file.as_bytes()).await?.0, 200);
    fixture.strict.advance_clock(Duration::from_secs(15 * 60));
    assert_eq!(put(&url, KMS, file.as_bytes()).await?.0, 403, "15 minutes later");
    fixture.strict.advance_clock(Duration::from_secs(24 * 3_600));
    assert_eq!(fixture.start_job(&pool, &job).await, "PreconditionNotMetException", "a day later");
    assert_eq!(fixture.describe_job(&pool, &job).await?.status, Some(UserImportJobStatusType::Expired));

    let wrong_name = fixture.client.create_user_import_job().user_pool_id(&pool).job_name("a/b");
    assert_eq!(error_name(wrong_name.cloud_watch_logs_role_arn(ROLE).send().await), INVALID);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_job_runs_at_a_time_and_no_client_can_change_its_pool() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (pool, other) =
        (fixture.pool_with_verified_email().await?, fixture.pool_with_verified_email().await?);
    let plain = fixture.create_pool(|pool| pool).await?;
    fixture.strict.change_settings(|settings| settings.import.hold_jobs = true);
    let rows = [("anna", "a@example.com", "true", "")];
    let (first, second) = (fixture.create_job(&pool).await?, fixture.create_job(&other).await?);
    let third = fixture.create_job(&plain).await?;
    for (job, pool) in [(&first, &pool), (&second, &other), (&third, &plain)] {
        let file = fixture.csv_file(pool, &rows).await?;
        put(job.pre_signed_url.as_deref().unwrap_or_default(), KMS, file.as_bytes()).await?;
    }
    assert_eq!(
        fixture.start_job(&plain, &third).await,
        "PreconditionNotMetException",
        "no auto-verified attribute"
    );
    assert_eq!(fixture.start_job(&pool, &first).await, "none");
    assert_eq!(
        fixture.start_job(&pool, &first).await,
        "PreconditionNotMetException",
        "the job is already started"
    );
    assert_eq!(
        fixture.start_job(&other, &second).await,
        "PreconditionNotMetException",
        "another job is active"
    );
    assert_eq!(fixture.describe_job(&pool, &first).await?.status, Some(UserImportJobStatusType::Pending));
    let busy = "UserImportInProgressException";
    assert_eq!(error_name(fixture.client.update_user_pool().user_pool_id(&pool).send().await), busy);
    assert_eq!(error_name(fixture.client.delete_user_pool().user_pool_id(&pool).send().await), busy);
    // An update without the attribute would end its verification, and with it the import.
    let update = fixture.client.update_user_pool().user_pool_id(&other);
    let update = update.auto_verified_attributes(VerifiedAttributeType::Email);
    assert_eq!(error_name(update.send().await), "none");
    fixture.strict.change_settings(|settings| settings.import.active_job_blocks_creation = true);
    assert!(fixture.create_job(&other).await.is_err());

    let stop = fixture.client.stop_user_import_job().user_pool_id(&pool);
    stop.job_id(first.job_id.clone().unwrap_or_default()).send().await?;
    while fixture.describe_job(&pool, &first).await?.completion_date.is_none() {
        tokio::task::yield_now().await;
    }
    let stopped = fixture.describe_job(&pool, &first).await?;
    assert_eq!((stopped.status, stopped.imported_users), (Some(UserImportJobStatusType::Stopped), 0));
    let restarted = fixture.start_job(&pool, &first).await;
    assert_eq!(restarted, "PreconditionNotMetException", "a stopped job cannot be started again");
    assert_eq!(fixture.start_job(&other, &second).await, "none");
    let listed = fixture.client.list_user_import_jobs().user_pool_id(&pool).max_results(1).send().await?;
    assert_eq!((listed.user_import_jobs().len(), listed.pagination_token), (1, None));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_job_for_a_pool_with_sign_in_by_email_needs_addresses_as_usernames() -> Result<()> {
    let fixture = Fixture::new().await?;
    let by_email = |pool: CreateUserPoolFluentBuilder| {
        pool.username_attributes(UsernameAttributeType::Email)
            .auto_verified_attributes(VerifiedAttributeType::Email)
    };
    let pool = fixture.create_pool(by_email).await?;
    fixture.create_user(&pool, "existing@example.com", &[]).send().await?;
    let rows = [
        ("a@example.com", "a@example.com", "true", ""),
        ("existing@example.com", "existing@example.com", "true", ""),
        ("anna", "b@example.com", "true", ""),
        ("c@example.com", "other@example.com", "true", ""),
    ];
    let (status, counts, _) = fixture.run_job(&pool, &fixture.csv_file(&pool, &rows).await?).await?;
    assert_eq!((status.as_str(), counts), ("Succeeded", [1, 1, 2]));
    let user = fixture.client.admin_get_user().user_pool_id(&pool).username("a@example.com").send().await?;
    assert_ne!(user.username, "a@example.com", "the username is a UUID");
    Ok(())
}
