//! User import jobs from a file.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::types::{UserImportJobType, UserStatusType, UsernameAttributeType, VerifiedAttributeType};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Front, INVALID, error};

const ROLE: &str = "arn:aws:iam::000000000000:role/import-logs";
const KMS: &str = "x-amz-server-side-encryption: aws:kms\r\n";

impl Front {
    async fn job(&self, pool: &str) -> Result<UserImportJobType> {
        let created = self.client.create_user_import_job().user_pool_id(pool).job_name("job").cloud_watch_logs_role_arn(ROLE);
        created.send().await?.user_import_job.context("no job")
    }

    /// A file with the pool's header and these rows: username, address, whether it is verified, name.
    async fn file(&self, pool: &str, rows: &[(&str, &str, &str, &str)]) -> Result<String> {
        let columns = self.client.get_csv_header().user_pool_id(pool).send().await?.csv_header.unwrap_or_default();
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

    async fn start(&self, pool: &str, job: &UserImportJobType) -> String {
        let id = job.job_id.clone().unwrap_or_default();
        error(self.client.start_user_import_job().user_pool_id(pool).job_id(id).send().await)
    }

    async fn seen(&self, pool: &str, job: &UserImportJobType) -> Result<UserImportJobType> {
        let id = job.job_id.clone().unwrap_or_default();
        let described = self.client.describe_user_import_job().user_pool_id(pool).job_id(id).send().await?;
        described.user_import_job.context("no job")
    }

    /// Uploads a file, starts the job and waits for its end. Returns status, counts of imported, skipped and failed users, and
    /// the message.
    async fn run(&self, pool: &str, file: &str) -> Result<(String, [i64; 3], String)> {
        let job = self.job(pool).await?;
        assert_eq!(put(job.pre_signed_url.as_deref().unwrap_or_default(), KMS, file.as_bytes()).await?.0, 200);
        assert_eq!(self.start(pool, &job).await, "none");
        loop {
            let seen = self.seen(pool, &job).await?;
            if seen.completion_date.is_some() {
                let counts = [seen.imported_users, seen.skipped_users, seen.failed_users];
                let status = seen.status.map(|status| status.as_str().to_owned()).unwrap_or_default();
                return Ok((status, counts, seen.completion_message.unwrap_or_default()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn by_email(&self) -> Result<String> {
        self.pool(|pool| pool.auto_verified_attributes(VerifiedAttributeType::Email)).await
    }
}

/// Status and body of a plain HTTP request.
async fn request(url: &str, method: &str, headers: &str, body: &[u8]) -> Result<(u16, String)> {
    let rest = url.strip_prefix("http://").context("no URL")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await?;
    let length = body.len();
    let head =
        format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

async fn put(url: &str, headers: &str, body: &[u8]) -> Result<(u16, String)> {
    request(url, "PUT", headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_users_who_must_reset_their_passwords() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.by_email().await?;
    front.create(&pool, "there", &[]).send().await?;
    let before = front.strict.active_users(&pool);
    let rows = [
        ("anna", "a@example.com", "TRUE", r"Doe\, Anna"),
        ("there", "t@example.com", "true", ""),
        ("bert", "b@example.com", "false", "not verified"),
        ("carl", "c@example.com", "true", r"C:\temp"),
        ("dora", "d@example.com", "true", "two\nlines"),
        ("anna", "a@example.com", "true", "again"),
        ("emil", "e@example.com", "true", ""),
    ];
    let file = front.file(&pool, &rows).await?;
    let (status, counts, _) = front.run(&pool, &file).await?;
    assert_eq!((status.as_str(), counts), ("Succeeded", [3, 2, 3]), "a line break makes two rows of one");
    let anna = front.client.admin_get_user().user_pool_id(&pool).username("anna").send().await?;
    assert_eq!(anna.user_status, Some(UserStatusType::ResetRequired));
    assert!(anna.user_attributes().iter().any(|attribute| attribute.value.as_deref() == Some("Doe, Anna")));
    assert_eq!(front.strict.messages(&pool), 0);
    assert_eq!(front.strict.active_users(&pool), before + 1, "only who was read just now");

    let lines = log(&front, &pool).await?;
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
    assert!(!lines.concat().contains("anna"), "the log names nobody");
    Ok(())
}

/// The lines of the one job's log.
async fn log(front: &Front, pool: &str) -> Result<Vec<String>> {
    let call = async |operation: &str, input: Value| -> Result<Value> {
        let headers = format!("x-amz-target: Logs_20140328.{operation}\r\ncontent-type: application/x-amz-json-1.1\r\n");
        Ok(serde_json::from_str(&request(&front.strict.url(), "POST", &headers, input.to_string().as_bytes()).await?.1)?)
    };
    let group = format!("/aws/cognito/userpools/{pool}/pool");
    let streams = call("DescribeLogStreams", json!({ "logGroupName": group })).await?;
    let stream = streams["logStreams"][0]["logStreamName"].as_str().context("no log stream")?;
    assert!(stream.starts_with("import-") && stream.ends_with("/job"), "{stream}");
    let input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
    let events = call("GetLogEvents", input).await?;
    let events = events["events"].as_array().cloned().unwrap_or_default();
    Ok(events.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_fails_as_a_whole_for_its_file() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.by_email().await?;
    let rows = [("anna", "a@example.com", "true", ""), ("bert", "", "", ""), ("carl", "", "", "")];
    let good = front.file(&pool, &rows).await?;
    let header = good.lines().next().unwrap_or_default();
    let bad = [format!("\u{feff}{good}"), good.replacen("given_name,", "", 1), format!("{header},unknown\n"), String::new()];
    for file in &bad {
        assert_eq!(front.run(&pool, file).await?.0, "Failed");
    }
    front.strict.change_settings(|settings| settings.import.max_users = 2);
    assert_eq!(front.run(&pool, &good).await?.0, "Failed", "too many users");
    front.strict.change_settings(|settings| (settings.import.max_users, settings.import.max_bytes) = (3, good.len() - 1));
    assert_eq!(front.run(&pool, &good).await?.0, "Failed", "too many bytes");
    front.strict.change_settings(|settings| (settings.import.max_bytes, settings.import.max_failures) = (good.len(), Some(1)));
    let (status, counts, message) = front.run(&pool, &good).await?;
    assert_eq!((status.as_str(), counts), ("Failed", [1, 0, 2]), "{message}");
    assert_eq!(message, "Too many users have failed or been skipped during the import.");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_needs_its_header_and_comes_in_time() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.by_email().await?;
    let file = front.file(&pool, &[]).await?;
    front.strict.stop_clock();
    let job = front.job(&pool).await?;
    let url = job.pre_signed_url.clone().context("no URL")?;
    assert_eq!(put(&url, "", file.as_bytes()).await?.0, 403);
    assert_eq!(put(&url, "x-amz-server-side-encryption: AES256\r\n", file.as_bytes()).await?.0, 403);
    assert_eq!(request(&url, "POST", KMS, file.as_bytes()).await?.0, 403);
    assert_eq!(put(&url.replace("import-", "import-x"), KMS, file.as_bytes()).await?.0, 404);
    assert_eq!(front.start(&pool, &job).await, "PreconditionNotMetException", "there is no file");
    assert_eq!(put(&url, KMS, file.as_bytes()).await?.0, 200);
    front.strict.advance_clock(Duration::from_secs(15 * 60));
    assert_eq!(put(&url, KMS, file.as_bytes()).await?.0, 403, "15 minutes later");
    front.strict.advance_clock(Duration::from_secs(24 * 3_600));
    assert_eq!(front.start(&pool, &job).await, "PreconditionNotMetException", "a day later");
    assert_eq!(front.seen(&pool, &job).await?.status.map(|status| status.as_str().to_owned()).as_deref(), Some("Expired"));

    let nameless = front.client.create_user_import_job().user_pool_id(&pool).job_name("a/b").cloud_watch_logs_role_arn(ROLE);
    assert_eq!(error(nameless.send().await), INVALID);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_runs_at_a_time_and_its_pool_stays_as_it_is() -> Result<()> {
    let front = Front::new().await?;
    let (pool, other, plain) = (front.by_email().await?, front.by_email().await?, front.pool(|pool| pool).await?);
    front.strict.change_settings(|settings| settings.import.hold_jobs = true);
    let rows = [("anna", "a@example.com", "true", "")];
    let (first, second, third) = (front.job(&pool).await?, front.job(&other).await?, front.job(&plain).await?);
    for (job, pool) in [(&first, &pool), (&second, &other), (&third, &plain)] {
        let file = front.file(pool, &rows).await?;
        put(job.pre_signed_url.as_deref().unwrap_or_default(), KMS, file.as_bytes()).await?;
    }
    assert_eq!(front.start(&plain, &third).await, "PreconditionNotMetException", "no auto-verified attribute");
    assert_eq!(front.start(&pool, &first).await, "none");
    assert_eq!(front.start(&pool, &first).await, "PreconditionNotMetException", "it is started");
    assert_eq!(front.start(&other, &second).await, "PreconditionNotMetException", "another one is active");
    assert_eq!(front.seen(&pool, &first).await?.status.map(|status| status.as_str().to_owned()).as_deref(), Some("Pending"));
    let busy = "UserImportInProgressException";
    assert_eq!(error(front.client.update_user_pool().user_pool_id(&pool).send().await), busy);
    assert_eq!(error(front.client.delete_user_pool().user_pool_id(&pool).send().await), busy);
    assert_eq!(error(front.client.update_user_pool().user_pool_id(&other).send().await), "none");
    front.strict.change_settings(|settings| settings.import.active_job_blocks_creation = true);
    assert!(front.job(&other).await.is_err());

    let stop = front.client.stop_user_import_job().user_pool_id(&pool).job_id(first.job_id.clone().unwrap_or_default());
    stop.send().await?;
    while front.seen(&pool, &first).await?.completion_date.is_none() {
        tokio::task::yield_now().await;
    }
    let stopped = front.seen(&pool, &first).await?;
    assert_eq!(
        (stopped.status.map(|status| status.as_str().to_owned()).as_deref(), stopped.imported_users),
        (Some("Stopped"), 0)
    );
    assert_eq!(front.start(&pool, &first).await, "PreconditionNotMetException", "a stopped job cannot be started again");
    assert_eq!(front.start(&other, &second).await, "none");
    let listed = front.client.list_user_import_jobs().user_pool_id(&pool).max_results(1).send().await?;
    assert_eq!((listed.user_import_jobs().len(), listed.pagination_token), (1, None));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_by_address_is_filled_by_address() -> Result<()> {
    let front = Front::new().await?;
    let by_email = |pool: aws_sdk_cognitoidentityprovider::operation::create_user_pool::builders::CreateUserPoolFluentBuilder| {
        pool.username_attributes(UsernameAttributeType::Email).auto_verified_attributes(VerifiedAttributeType::Email)
    };
    let pool = front.pool(by_email).await?;
    front.create(&pool, "there@example.com", &[]).send().await?;
    let rows = [
        ("a@example.com", "a@example.com", "true", ""),
        ("there@example.com", "there@example.com", "true", ""),
        ("anna", "b@example.com", "true", ""),
        ("c@example.com", "other@example.com", "true", ""),
    ];
    let (status, counts, _) = front.run(&pool, &front.file(&pool, &rows).await?).await?;
    assert_eq!((status.as_str(), counts), ("Succeeded", [1, 1, 2]));
    let user = front.client.admin_get_user().user_pool_id(&pool).username("a@example.com").send().await?;
    assert_ne!(user.username, "a@example.com", "the username is a UUID");
    Ok(())
}
