use proptest::prelude::*;

use super::super::row::Row;
use super::*;
use crate::csv::fixtures::{anna, header, pool, read_file};

/// A part and its whole body.
#[derive(Debug)]
struct Whole {
    part: Part,
    body: Vec<u8>,
    longest_chunk: usize,
}

fn split(limits: Limits, rows: &[(Place, String)]) -> Vec<Whole> {
    let mut splitter = Splitter::new(&header(&[]), limits);
    let (mut whole, mut body, mut longest_chunk) = (Vec::new(), Vec::new(), 0);
    let mut end = |finished: Finished, body: &mut Vec<u8>, longest_chunk: usize| {
        body.extend(finished.rest);
        whole.push(Whole { part: finished.part, body: std::mem::take(body), longest_chunk });
    };
    for (place, row) in rows {
        if let Some(finished) = splitter.push(*place, row).unwrap() {
            end(finished, &mut body, longest_chunk);
        }
        if let Some(chunk) = splitter.take_chunk() {
            longest_chunk = longest_chunk.max(chunk.len());
            body.extend(chunk);
        }
    }
    if let Some(finished) = splitter.finish() {
        end(finished, &mut body, longest_chunk);
    }
    whole
}

fn row(nickname: &str) -> String {
    let user = anna(&[("nickname", nickname)]);
    Row { header: &header(&[]), target: &pool(), sign_in_name: nickname, user: &user }.encode().unwrap()
}

fn rows(count: u64) -> Vec<(Place, String)> {
    (0..count)
        .map(|n| (Place { page: 1 + n / 60, place: (n % 60) as u8 }, row(&format!("user{n}"))))
        .collect()
}

#[test]
fn the_header_is_line_1_of_every_part() {
    let limits = Limits { users: 2, ..Limits::COGNITO };
    let parts = split(limits, &rows(3));
    let lines: Vec<_> = parts.iter().map(|whole| whole.part.lines()).collect();
    assert_eq!(lines, [2..=3, 2..=2]);
    let first = &parts[0].part;
    assert_eq!(first.user_of_line(2), Some(Place { page: 1, place: 0 }));
    assert_eq!(first.user_of_line(3), Some(Place { page: 1, place: 1 }));
    assert_eq!(parts[1].part.user_of_line(2), Some(Place { page: 1, place: 2 }));
    assert_eq!([0, 1, 4, u64::MAX].map(|line| first.user_of_line(line)), [None; 4]);
}

#[test]
fn no_rows_make_no_part() {
    assert!(split(Limits::COGNITO, &[]).is_empty());
}

#[test]
fn a_part_reads_back_from_its_item() {
    let whole = split(Limits::COGNITO, &rows(130)).remove(0);
    let item: serde_dynamo::Item = serde_dynamo::to_item(&whole.part).unwrap();
    assert_eq!(serde_dynamo::from_item::<_, Part>(item), Ok(whole.part));
}

#[test]
fn rows_out_of_order_or_too_long_are_refused_and_change_nothing() {
    let head = header(&[]).row().len() as u64 + 1;
    let mut splitter = Splitter::new(&header(&[]), Limits { bytes: head + 4, ..Limits::COGNITO });
    let at = |page, place| Place { page, place };
    assert_eq!(splitter.push(at(1, 1), "abc"), Ok(None));
    assert_eq!(splitter.push(at(1, 1), "abc"), Err(NotPushed::OutOfOrder));
    assert_eq!(splitter.push(at(1, 0), "abc"), Err(NotPushed::OutOfOrder));
    assert_eq!(splitter.push(at(2, 0), "abcd"), Err(NotPushed::DoesNotFit));
    assert_eq!(splitter.push(at(2, 0), "a\nb"), Err(NotPushed::DoesNotFit));
    let finished = splitter.push(at(2, 0), "def").unwrap().unwrap();
    assert_eq!((finished.part.bytes, finished.part.users()), (head + 4, 1));
    assert!(finished.rest.ends_with(b"\nabc\n"));
    let finished = splitter.finish().unwrap();
    assert!(finished.rest.ends_with(b"\ndef\n"));
    assert_eq!(finished.part.user_of_line(2), Some(at(2, 0)));
}

#[test]
fn a_part_ends_before_its_list_of_lines_exceeds_the_limit() {
    // Every other place of every third page: a list that grows with each page.
    let place =
        |n: u64| Place { page: 1 + n / 15 * 3 + n / 15 % 2, place: (n % 15 * (2 + n / 15 % 3)) as u8 };
    let rows: Vec<_> = (0..3_000).map(|n| (place(n), "x".to_owned())).collect();
    let limits = Limits { lines: 300, ..Limits::COGNITO };
    let parts = split(limits, &rows);
    assert!(parts.len() > 5);
    for whole in &parts {
        let json = serde_json::to_value(&whole.part).unwrap();
        assert!(json["lines"].as_array().unwrap().len() <= 300);
    }
    let found: Vec<_> = parts
        .iter()
        .flat_map(|whole| whole.part.lines().filter_map(|line| whole.part.user_of_line(line)))
        .collect();
    assert_eq!(found, rows.iter().map(|(place, _)| *place).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn no_part_exceeds_its_limits_and_no_user_is_lost_or_doubled(
        shape in prop::collection::vec((1u64..4, prop::collection::btree_set(0u8..60, 0..12), 0usize..40), 0..25),
        users in 1u64..40, spare in 120u64..2_000, chunk in 1usize..1_000,
    ) {
        let mut page = 0;
        let mut rows = Vec::new();
        for (step, places, padding) in shape {
            page += step;
            rows.extend(places.into_iter().map(|place| (Place { page, place }, row(&format!("u{page}-{place}-{}", "x".repeat(padding))))));
        }
        let head = header(&[]).row().len() as u64 + 1;
        let limits = Limits { users, bytes: head + spare, lines: 256, chunk };
        prop_assume!(rows.iter().all(|(_, row)| (row.len() as u64) < spare));
        let parts = split(limits, &rows);
        let mut remaining = rows.iter();
        for whole in &parts {
            prop_assert!((1..=users).contains(&whole.part.users()));
            prop_assert!(whole.body.len() as u64 <= limits.bytes);
            prop_assert_eq!(whole.body.len() as u64, whole.part.bytes);
            prop_assert!(whole.longest_chunk < chunk + head as usize + 16_000);
            let read = read_file(&whole.body);
            prop_assert_eq!(read.len() as u64, whole.part.users());
            // The name in a row tells its place.
            for (line, values) in whole.part.lines().zip(read) {
                let (place, row) = remaining.next().unwrap();
                prop_assert_eq!(whole.part.user_of_line(line), Some(*place));
                let name = format!("u{}-{}-", place.page, place.place);
                prop_assert!(values["cognito:username"].starts_with(&name) && row.contains(&name));
            }
        }
        prop_assert!(remaining.next().is_none());
        // No part ends early: the first row of the next one exceeds a limit of users, bytes or
        // list.
        for pair in parts.windows(2) {
            let next = read_row_length(&pair[1].body);
            let part = &pair[0].part;
            let lines = serde_json::to_value(part).unwrap()["lines"].as_array().unwrap().len();
            prop_assert!(part.users() == users || part.bytes + next > limits.bytes || lines > 90, "{:?}", part);
        }
    }
}

fn read_row_length(body: &[u8]) -> u64 {
    body.split_inclusive(|&byte| byte == b'\n').nth(1).unwrap().len() as u64
}
