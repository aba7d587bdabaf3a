//! `sub-map`.

use std::future::pending;

use shared::model::{Restore, RestoreState, RunId, Sub};

use super::fixture::{Closed, Fixture};
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

#[tokio::test(start_paused = true)]
async fn without_an_id_the_sub_map_is_that_of_the_newest_restore() {
    let older = testing::restore(RestoreState::Succeeded);
    let id = RunId::parse("20261121T110000000Z-0000000b").unwrap();
    let newer = Restore { id, ..testing::restore(RestoreState::Failed) };
    let fixture = Fixture::new([]).with_restore(older.clone()).await.with_restore(newer.clone()).await;
    let (result, stderr) = fixture.run(SUB_MAP).await;
    assert!(
        result.is_ok() && stderr.starts_with(&format!("Newest restore {}, FAILED", newer.id)),
        "{stderr}"
    );
    let (result, stderr) = fixture.run(&format!("{SUB_MAP} --restore {}", older.id)).await;
    assert!(result.is_ok() && stderr.starts_with(&format!("Restore {}, SUCCEEDED", older.id)), "{stderr}");
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
