//! Benchmarks of the work that each user or page takes without a call: `cargo bench -p shared`.
//!
//! Cognito allows at most 30 pages or 1,800 users a second. A function then has 33 ms for a page and
//! 0.5 ms for a user.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::csv::{Header, Row};
use shared::model::{
    DigestBuilder, Listing, PageBatch, PageContent, PageEntry, PoolDescription, Sub, UserRecord, UserStatus,
    Username,
};

/// The entries of a page.
const PAGE: u8 = 60;

/// A user with some 600 bytes of attributes.
fn record() -> UserRecord {
    let note = "Prefers letters to calls, and the third door on the left to the lift. ".repeat(5);
    let attributes = [
        ("address", "17 Station Road 10115"),
        ("birthdate", "1987-04-12"),
        ("custom:note", note.trim()),
        ("email", "person.00000017@example.com"),
        ("email_verified", "true"),
        ("family_name", "Alder"),
        ("given_name", "Anna"),
        ("name", "Anna Alder"),
        ("phone_number", "+4915112345678"),
        ("phone_number_verified", "true"),
        ("zoneinfo", "Europe/Berlin"),
    ];
    UserRecord {
        username: Username::new("person-00000017"),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        enabled: true,
        status: UserStatus::Confirmed,
        mfa_options: Vec::new(),
        mfa: None,
        created: "2026-01-01T00:00:00.123Z".parse().ok(),
        modified: "2026-11-01T00:00:00.456Z".parse().ok(),
    }
}

fn content() -> PageContent {
    let digest = |n: u8| DigestBuilder::new("bench").number(n.into()).finish();
    let entry = |n: u8| PageEntry {
        key: Sub::from_uuid_bytes(digest(n).into_bytes()).to_string(),
        digest: Some(digest(n)),
    };
    PageContent((0..PAGE).map(entry).collect())
}

fn records(criterion: &mut Criterion) {
    let record = record();
    criterion.bench_function("record digest", |bencher| bencher.iter(|| black_box(&record).digest()));
}

fn pages(criterion: &mut Criterion) {
    let (content, unit) = (content(), Listing::Users.unit_id());
    let packed = content.pack();
    let batch_of = |content: &PageContent| {
        let mut batch = PageBatch::following(None);
        batch.push(&unit, content, 0, None);
        batch
    };
    let batch = batch_of(&content);
    let mut group = criterion.benchmark_group("page of 60 users");
    group.throughput(Throughput::Elements(PAGE.into()));
    group.bench_function("pack", |bencher| bencher.iter(|| black_box(&content).pack()));
    group.bench_function("unpack", |bencher| bencher.iter(|| PageContent::unpack(black_box(&packed))));
    group.bench_function("pack and chain", |bencher| {
        bencher.iter(|| batch_of(black_box(&content)));
    });
    group.bench_function("verify and unpack", |bencher| bencher.iter(|| black_box(&batch).verified(&unit)));
    group.finish();
}

fn rows(criterion: &mut Criterion) {
    let (record, mut target) = (record(), PoolDescription::with_defaults(&["note"]));
    target.auto_verified_attributes = vec!["email".to_owned()];
    let extra = ["cognito:mfa_enabled", "cognito:username"].map(str::to_owned);
    let names = target.attributes.keys().filter(|name| *name != "sub").cloned().chain(extra);
    let header = Header::parse(names.collect()).unwrap();
    let row = Row { header: &header, target: &target, sign_in_name: record.username.as_str(), user: &record };
    // A refused row takes less time, so make sure that the row is accepted.
    row.encode().unwrap();
    criterion.bench_function("CSV row", |bencher| bencher.iter(|| black_box(&row).encode()));
}

criterion_group!(benches, records, pages, rows);
criterion_main!(benches);
