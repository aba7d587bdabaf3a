//! `sub-map`.

use std::collections::HashMap;
use std::future::pending;

use shared::model::{
    Digest, Origin, Restore, RestoreState, RestoredUser, RunId, ScannedUser, Sub, SubMapEntry,
    TargetSettings, Username,
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

/// A restore of the same input that began an hour after [`testing::restore`].
fn later(restore: &Restore) -> Restore {
    Restore { id: RunId::parse("20261121T110000000Z-0000000b").unwrap(), ..restore.clone() }
}

/// What the command prints to stdout and to stderr.
async fn printed(fixture: &Fixture, line: &str) -> (String, String) {
    let mut out = Vec::new();
    let (result, stderr) = fixture.run_into(line, pending(), &mut out).await;
    assert_eq!(result.unwrap(), Answer::already_written(ExitStatus::Done));
    (String::from_utf8(out).unwrap(), stderr)
}

/// The old `sub`, the new `sub` and the result of each line.
async fn triples(fixture: &Fixture, line: &str) -> (Vec<[String; 3]>, String) {
    let (text, stderr) = printed(fixture, line).await;
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect();
        assert_eq!(fields[5], format!("name-of-{}", fields[0]), "the name that the user signs in with");
        [fields[0].clone(), fields[2].clone(), fields[4].clone()]
    });
    (lines.collect(), stderr)
}

fn scanned(sub: &str) -> ScannedUser {
    let username = Username::new(format!("name-of-{sub}"));
    ScannedUser {
        sub: Sub::new(sub),
        username,
        content: Digest::default(),
        left_out: Vec::new(),
        is_federated: false,
        values: None,
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_id_the_sub_map_covers_all_restores_into_the_pool() {
    let older = testing::restore(RestoreState::Succeeded);
    let newer = Restore { state: RestoreState::Failed, ..later(&older) };
    let fixture = Fixture::new([]).with_restore(older.clone()).await.with_restore(newer.clone()).await;
    let catalog = &fixture.deployment.catalog;
    // Lost again since, missing in one of the two, and not restored by the newer one.
    let of_older = [entry("a", Some("a2")), entry("b", Some("b2")), entry("d", Some("d2")), entry("e", None)];
    let of_newer = [entry("a", Some("a3")), entry("c", Some("c2")), entry("d", None), entry("e", None)];
    catalog.put_sub_map(&older, &of_older).await.unwrap();
    catalog.put_sub_map(&newer, &of_newer).await.unwrap();
    let (all, stderr) = triples(&fixture, SUB_MAP).await;
    assert_eq!(
        all,
        [
            ["a", "a3", "created"],
            ["b", "b2", "created"],
            ["c", "c2", "created"],
            // The pool may have lost `d2`, and the newest restore has found no user.
            ["d", "", "notRestored"],
            ["e", "", "notRestored"],
        ]
    );
    assert!(stderr.starts_with("2 restores into user pool eu-west-1_b"), "{stderr}");
    assert!(stderr.contains("3 created") && stderr.contains("2 not restored"), "{stderr}");
    let (one, stderr) = triples(&fixture, &format!("{SUB_MAP} --restore {}", older.id)).await;
    assert_eq!(
        one,
        [["a", "a2", "created"], ["b", "b2", "created"], ["d", "d2", "created"], ["e", "", "notRestored"]]
    );
    assert!(stderr.starts_with(&format!("Restore {}, SUCCEEDED", older.id)), "{stderr}");
}

#[tokio::test(start_paused = true)]
async fn a_user_of_an_earlier_restore_keeps_its_sub_only_if_the_newest_restore_has_seen_it() {
    let older = testing::restore(RestoreState::Succeeded);
    let newer = later(&older);
    let fixture = Fixture::new([]).with_restore(older.clone()).await.with_restore(newer.clone()).await;
    let catalog = &fixture.deployment.catalog;
    let users = ["a", "b", "c"];
    let of_older = users.map(|old| entry(old, Some(&format!("{old}2"))));
    catalog.put_sub_map(&older, &of_older).await.unwrap();
    catalog.put_sub_map(&newer, &users.map(|old| entry(old, None))).await.unwrap();
    // The scan has seen `a2`, another user of the name of `b2`, and no user of the name of `c2`.
    let name = |name: &str| newer.settings.name_key(&Username::new(name));
    let seen =
        HashMap::from([(name("name-of-a2"), scanned("a2")), (name("name-of-b2"), scanned("stranger"))]);
    catalog.put_target_users_by_name(&newer.id, &seen).await.unwrap();
    let (all, stderr) = triples(&fixture, SUB_MAP).await;
    assert_eq!(all, [["a", "a2", "notRestored"], ["b", "", "notRestored"], ["c", "", "notRestored"]]);
    assert!(stderr.contains("0 created") && stderr.contains("3 not restored"), "{stderr}");
}

#[tokio::test(start_paused = true)]
async fn a_user_that_was_lost_and_restored_twice_leads_to_its_newest_sub() {
    let of_other = Restore {
        id: RunId::parse("20261121T090000000Z-00000009").unwrap(),
        ..testing::restore(RestoreState::Succeeded)
    };
    let first = Restore { source: testing::pool("b"), ..testing::restore(RestoreState::Succeeded) };
    let second = later(&first);
    let mut fixture = Fixture::new([]);
    for restore in [&of_other, &first, &second] {
        fixture = fixture.with_restore(restore.clone()).await;
    }
    let catalog = &fixture.deployment.catalog;
    catalog.put_sub_map(&of_other, &[entry("m1", Some("s1"))]).await.unwrap();
    let of_first = [
        entry("s1", Some("s2")),
        entry("t1", Some("t2")),
        entry("u1", Some("u2")),
        entry("v1", None),
        entry("w1", Some("w2")),
    ];
    catalog.put_sub_map(&first, &of_first).await.unwrap();
    let of_second = [
        entry("s2", Some("s3")),
        // Lost, and not restored again.
        entry("t2", None),
        // In the pool under the same `sub`.
        entry("u2", Some("u2")),
        entry("v1", Some("v1")),
        // In the pool, but its update was refused.
        entry("w2", None),
    ];
    catalog.put_sub_map(&second, &of_second).await.unwrap();
    let seen = HashMap::from([(Sub::new("w2"), scanned("w2"))]);
    catalog.put_target_users_by_sub(&second.id, &seen).await.unwrap();
    let (all, _) = triples(&fixture, SUB_MAP).await;
    assert_eq!(
        all,
        [
            ["m1", "s3", "created"],
            ["s1", "s3", "created"],
            ["s2", "s3", "created"],
            ["t1", "", "notRestored"],
            ["t2", "", "notRestored"],
            ["u1", "u2", "created"],
            ["v1", "v1", "created"],
            ["w1", "w2", "notRestored"],
            ["w2", "w2", "notRestored"],
        ]
    );
    let (one, _) = triples(&fixture, &format!("{SUB_MAP} --restore {}", first.id)).await;
    assert_eq!(one[0], ["s1", "s2", "created"], "the map of one restore follows no other");
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_record_has_no_sign_in_name() {
    let restore = testing::restore(RestoreState::Partial);
    let fixture = Fixture::new([]).with_restore(restore.clone()).await;
    let lost = SubMapEntry { old_username: Username::new(""), ..entry("lost", None) };
    fixture.deployment.catalog.put_sub_map(&restore, &[lost]).await.unwrap();
    let (text, _) = printed(&fixture, &format!("{SUB_MAP} --json")).await;
    assert!(text.contains("\"signInName\":null"), "{text}");
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
        let line = text.lines().find(|line| line.contains(user.sub.as_str())).unwrap();
        assert!(line.ends_with(&format!(",\"{}\"", user.record.attributes["email"])), "{line}");
    }
    let lost = text.lines().find(|line| line.starts_with("\"lost")).unwrap();
    assert!(lost.ends_with("notRestored\",\"\""), "its record is not in the table: {lost}");
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
