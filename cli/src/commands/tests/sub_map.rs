//! `sub-map`.

use std::future::pending;

use shared::model::{
    Origin, Restore, RestoreState, RestoredUser, RunId, Sub, SubMapEntry, TargetSettings, Username,
};

use super::fixture::{Closed, Fixture, exported};
use crate::exit::ExitStatus;
use crate::output::Answer;
use crate::testing;

const SUB_MAP: &str = "sub-map --into eu-west-1_b";

#[tokio::test(start_paused = true)]
async fn the_sub_map_is_printed_to_its_end() {
    let restore = testing::restore(RestoreState::Running);
    let fixture = Fixture::new([]).with_restore(restore.clone()).await;
    // More entries than one answer of the table holds.
    let entry = |n: u32| {
        let mut entry = testing::sub_map().remove(0);
        entry.old_sub = Sub::new(format!("old-{n:04}"));
        entry.restored.as_mut().unwrap().sub = Some(Sub::new(format!("new-{n:04}")));
        entry
    };
    fixture
        .deployment
        .catalog
        .put_sub_map(&restore, &(0..2_345).map(entry).collect::<Vec<_>>())
        .await
        .unwrap();
    for (line, header) in [(SUB_MAP.to_owned(), 1), (format!("{SUB_MAP} --restore {} --json", restore.id), 0)]
    {
        let mut out = Vec::new();
        let (result, stderr) = fixture.run_into(&line, pending(), &mut out).await;
        assert_eq!(result.unwrap(), Answer::already_written(ExitStatus::Done));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().skip(header).collect();
        assert_eq!(lines.len(), 2_345);
        assert!(
            lines.is_sorted() && lines[2_344].contains("old-2344") && lines[2_344].contains("new-2344"),
            "{}",
            lines[2_344]
        );
        assert!(stderr.contains("RUNNING") && stderr.contains("has handled so far"), "{stderr}");
        assert!(stderr.contains("2,345 created, 0 found"), "{stderr}");
    }
}

/// An entry for the user `old`, created as `new`, or not restored.
fn entry(old: &str, new: Option<&str>) -> SubMapEntry {
    let mut entry = testing::sub_map().remove(0);
    (entry.old_sub, entry.old_username) = (Sub::new(old), Username::new(format!("name-of-{old}")));
    entry.restored = new.map(|new| RestoredUser {
        sub: Some(Sub::new(new)),
        username: Username::new(format!("name-of-{new}")),
        origin: Origin::Created,
    });
    entry
}

#[tokio::test(start_paused = true)]
async fn without_an_id_the_sub_map_covers_all_restores_into_the_pool() {
    let older = testing::restore(RestoreState::Succeeded);
    let id = RunId::parse("20261121T110000000Z-0000000b").unwrap();
    let newer = Restore { id, ..testing::restore(RestoreState::Failed) };
    let fixture = Fixture::new([]).with_restore(older.clone()).await.with_restore(newer.clone()).await;
    let catalog = &fixture.deployment.catalog;
    // Lost again since, missing in one of the two, and not restored by the newer one.
    let of_older = [entry("a", Some("a2")), entry("b", Some("b2")), entry("d", Some("d2")), entry("e", None)];
    let of_newer = [entry("a", Some("a3")), entry("c", Some("c2")), entry("d", None), entry("e", None)];
    catalog.put_sub_map(&older, &of_older).await.unwrap();
    catalog.put_sub_map(&newer, &of_newer).await.unwrap();
    let printed = async |line: &str| {
        let mut out = Vec::new();
        let (result, stderr) = fixture.run_into(line, pending(), &mut out).await;
        assert_eq!(result.unwrap(), Answer::already_written(ExitStatus::Done));
        let text = String::from_utf8(out).unwrap();
        let pairs = text.lines().skip(1).map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            assert_eq!(fields[5], format!("name-of-{}", fields[0]), "the name that the user signs in with");
            (fields[0].to_owned(), fields[2].to_owned())
        });
        (pairs.collect::<Vec<_>>(), stderr)
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
    };
    let (all, stderr) = printed(SUB_MAP).await;
    assert_eq!(all, pairs(&[("a", "a3"), ("b", "b2"), ("c", "c2"), ("d", "d2"), ("e", "")]));
    assert!(stderr.starts_with("2 restores into user pool eu-west-1_b"), "{stderr}");
    assert!(stderr.contains("4 created") && stderr.contains("1 not restored"), "{stderr}");
    let (one, stderr) = printed(&format!("{SUB_MAP} --restore {}", older.id)).await;
    assert_eq!(one, pairs(&[("a", "a2"), ("b", "b2"), ("d", "d2"), ("e", "")]));
    assert!(stderr.starts_with(&format!("Restore {}, SUCCEEDED", older.id)), "{stderr}");
}

#[tokio::test(start_paused = true)]
async fn in_a_pool_that_signs_in_by_email_the_sub_map_names_the_addresses() {
    let (fixture, pool, _) = exported(3).await;
    let settings = TargetSettings {
        username_attributes: vec!["email".to_owned()],
        ..testing::restore(RestoreState::Succeeded).settings
    };
    let restore = Restore { settings, ..testing::restore(RestoreState::Succeeded) };
    let fixture = fixture.with_restore(restore.clone()).await;
    let entries: Vec<_> = pool
        .users()
        .into_iter()
        .map(|user| SubMapEntry {
            digest: user.record.digest(),
            ..entry(user.sub.as_str(), Some(&format!("new-{}", user.sub)))
        })
        .chain([entry("lost", None)])
        .collect();
    fixture.deployment.catalog.put_sub_map(&restore, &entries).await.unwrap();
    let mut out = Vec::new();
    let (result, _) = fixture.run_into(SUB_MAP, pending(), &mut out).await;
    assert_eq!(result.unwrap().status, ExitStatus::Done);
    let text = String::from_utf8(out).unwrap();
    for user in pool.users() {
        let line = text.lines().find(|line| line.starts_with(user.sub.as_str())).unwrap();
        assert!(line.ends_with(&format!(",{}", user.record.attributes["email"])), "{line}");
    }
    let lost = text.lines().find(|line| line.starts_with("lost")).unwrap();
    assert!(lost.ends_with("notRestored,"), "its record is not in the table: {lost}");
}

#[tokio::test(start_paused = true)]
async fn a_sub_map_of_an_unknown_restore_is_refused() {
    let fixture = Fixture::new([]).with_restore(testing::restore(RestoreState::Succeeded)).await;
    for line in
        ["sub-map --into eu-west-1_c".to_owned(), format!("{SUB_MAP} --restore 20261121T110000000Z-0000000b")]
    {
        let mut out = Vec::new();
        let problem = fixture.run_into(&line, pending(), &mut out).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("RestoreNotFound", ExitStatus::Refused));
        assert!(out.is_empty(), "a header without a map");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
    let fixture = Fixture::new([]).with_restore(testing::restore(RestoreState::Succeeded)).await;
    fixture
        .deployment
        .catalog
        .put_sub_map(&testing::restore(RestoreState::Succeeded), &testing::sub_map())
        .await
        .unwrap();
    for line in [SUB_MAP.to_owned(), format!("{SUB_MAP} --json")] {
        let gone = fixture.run_into(&line, pending(), &mut Closed(std::io::ErrorKind::BrokenPipe)).await.0;
        assert_eq!(gone.unwrap(), Answer::already_written(ExitStatus::Done));
        let full = fixture
            .run_into(&line, pending(), &mut Closed(std::io::ErrorKind::StorageFull))
            .await
            .0
            .unwrap_err();
        assert_eq!((full.error.as_str(), full.status), ("OutputFailed", ExitStatus::Failed));
    }
}
