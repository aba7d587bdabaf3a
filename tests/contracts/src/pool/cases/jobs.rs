//! Import jobs.

use shared::model::UserStatus;
use shared::ports::pool::{JobStatus, PoolErrorKind};

use super::parts::{HOUR, INVALID, case, create, named, person, refused, text, values};
use crate::pool::{Call, Case, Expected, Settings, Token, UserIs};

pub(super) fn cases() -> Vec<Case> {
    let verifies = || Settings { auto_verified: vec!["email"], ..Settings::default() };
    let active = || vec![JobStatus::Pending, JobStatus::InProgress, JobStatus::Succeeded];
    let not_started = || Expected::Job(vec![JobStatus::Created], [0, 0, 0]);
    let row = |name: &str, attributes: &[(&'static str, &str)]| {
        let own = [("cognito:username", name.to_owned()), ("cognito:mfa_enabled", "false".to_owned())];
        values(attributes).into_iter().chain(own).collect::<Vec<_>>()
    };
    let verified = |email: &'static str| [("email", email), ("email_verified", "true")];
    let started = |file: Call| vec![Call::CreateImportJob, file, Call::StartImportJob(0)];
    let columns = [
        "email",
        "email_verified",
        "name",
        "birthdate",
        "updated_at",
        "cognito:username",
        "cognito:mfa_enabled",
    ];
    vec![
        case(
            "a file has a column for every attribute that can be set, and two more",
            Vec::new(),
            vec![(Call::CsvHeader, Expected::NamesAmong(columns.to_vec(), vec!["sub", "identities"]))],
        ),
        case(
            "a file has a column for every custom attribute",
            Vec::new(),
            vec![(
                Call::CsvHeader,
                Expected::NamesAmong(vec!["custom:note", "cognito:username"], vec!["note"]),
            )],
        )
        .in_pool(Settings { custom: vec![("custom:note", text(true))], ..verifies() }),
        case(
            "a new job waits for its file and its start",
            vec![Call::CreateImportJob],
            vec![
                (Call::DescribeImportJob(0), not_started()),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
                (Call::DescribeImportJob(0), not_started()),
            ],
        )
        .in_pool(verifies()),
        case(
            "jobs are listed from the latest one, by pages",
            vec![Call::CreateImportJob, Call::CreateImportJob, Call::CreateImportJob],
            vec![
                (Call::ListImportJobs(2, Token::None), Expected::Page(2, true)),
                (Call::ListImportJobs(2, Token::Of(0)), Expected::Page(1, false)),
                (Call::ListImportJobs(60, Token::None), Expected::Page(3, false)),
                (Call::AllImportJobs(2), Expected::NamesInOrder(vec!["2 Created", "1 Created", "0 Created"])),
                (Call::ListImportJobs(2, Token::MadeUp("no token")), refused(INVALID)),
                (Call::ListImportJobs(0, Token::None), refused(INVALID)),
                (Call::ListImportJobs(61, Token::None), refused(INVALID)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a list of jobs says which have ended",
            vec![
                Call::CreateImportJob,
                Call::CreateImportJob,
                Call::UploadPeople(0, 0, 3),
                Call::StartImportJob(0),
            ],
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (Call::AllImportJobs(60), Expected::NamesInOrder(vec!["1 Created", "0 Succeeded"])),
                (Call::Pass(48 * HOUR), Expected::Done),
                (Call::AllImportJobs(60), Expected::NamesInOrder(vec!["1 Expired", "0 Succeeded"])),
            ],
        )
        .in_pool(verifies()),
        case(
            "a new pool has no job, and a pool that does not exist lists none",
            Vec::new(),
            vec![
                (Call::ListImportJobs(60, Token::None), Expected::Page(0, false)),
                (Call::LosePool, Expected::Done),
                (Call::ListImportJobs(60, Token::None), refused(PoolErrorKind::NotFound)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job that never was is not found",
            Vec::new(),
            vec![
                (Call::DescribeMissingJob, refused(PoolErrorKind::NotFound)),
                (Call::StartMissingJob, refused(PoolErrorKind::NotFound)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job creates the users of its file, who are to reset their passwords",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (
                    Call::GetUser(person(1)),
                    Expected::User(UserIs {
                        name: Some(person(1)),
                        status: Some(UserStatus::ResetRequired),
                        enabled: Some(true),
                        ..UserIs::default()
                    }),
                ),
                (Call::AllUsers, Expected::Number(3)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job sends no message",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (Call::Messages, Expected::Number(0)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job that was started starts no more",
            started(Call::UploadPeople(0, 0, 3)),
            vec![
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [3, 0, 0])),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
            ],
        )
        .in_pool(verifies()),
        case(
            "an account has one job at work",
            vec![
                Call::CreateImportJob,
                Call::CreateImportJob,
                Call::UploadPeople(0, 0, 100),
                Call::UploadPeople(1, 100, 101),
            ],
            vec![
                (Call::StartImportJob(0), Expected::Job(active(), [0, 0, 0])),
                (Call::StartImportJob(1), refused(PoolErrorKind::Refused)),
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [100, 0, 0])),
                (Call::StartImportJob(1), Expected::Done),
                (Call::EndOfImportJob(1), Expected::Job(vec![JobStatus::Succeeded], [1, 0, 0])),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job skips users that the pool has and fails on rows that break a rule",
            vec![
                create("anna", &verified("a@example.com")),
                Call::CreateImportJob,
                Call::Upload(
                    0,
                    vec![
                        row("anna", &verified("a@example.com")),
                        row("bert", &verified("b@example.com")),
                        row("carl", &[("email", "c@example.com"), ("email_verified", "false")]),
                        row("d d", &verified("d@example.com")),
                        row(
                            "emil",
                            &[
                                ("email", "e@example.com"),
                                ("email_verified", "true"),
                                ("birthdate", "1985-02-01"),
                            ],
                        ),
                        row("", &verified("f@example.com")),
                    ],
                ),
                Call::StartImportJob(0),
            ],
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [1, 1, 4])),
                (Call::AllUsers, Expected::Number(2)),
            ],
        )
        .in_pool(verifies()),
        case(
            "a job reads what a file escapes and turns dates round",
            started(Call::Upload(
                0,
                vec![row(
                    "anna",
                    &[
                        ("email", "a@example.com"),
                        ("email_verified", "true"),
                        ("name", "Doe, Anna"),
                        ("birthdate", "02/01/1985"),
                    ],
                )],
            )),
            vec![
                (Call::EndOfImportJob(0), Expected::Job(vec![JobStatus::Succeeded], [1, 0, 0])),
                (
                    Call::GetUser(named("anna")),
                    Expected::User(UserIs {
                        attributes: vec![
                            ("name", Some("Doe, Anna".to_owned())),
                            ("birthdate", Some("1985-02-01".to_owned())),
                            ("email_verified", Some("true".to_owned())),
                        ],
                        ..UserIs::default()
                    }),
                ),
            ],
        )
        .in_pool(verifies()),
        case(
            "a pool that verifies no address starts no job",
            vec![Call::CreateImportJob, Call::UploadPeople(0, 0, 1)],
            vec![(Call::StartImportJob(0), refused(PoolErrorKind::Refused))],
        ),
        // Source: "Importing users into user pools from a CSV file": 24 to 48 hours.
        case(
            "a job that is not started in time expires",
            vec![Call::CreateImportJob, Call::UploadPeople(0, 0, 1), Call::Pass(48 * HOUR)],
            vec![
                (Call::DescribeImportJob(0), Expected::Job(vec![JobStatus::Expired], [0, 0, 0])),
                (Call::StartImportJob(0), refused(PoolErrorKind::Refused)),
            ],
        )
        .in_pool(verifies()),
    ]
}
