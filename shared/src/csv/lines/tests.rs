use proptest::prelude::*;
use serde_dynamo::AttributeValue;

use super::*;

fn packed(places: &[Place]) -> Lines {
    let mut builder = LinesBuilder::default();
    for &place in places {
        builder.push(place);
    }
    let max_bytes = builder.max_bytes();
    let lines = builder.finish();
    assert!(lines.packed.len() <= max_bytes);
    assert_eq!(Lines::read(lines.packed.clone()).as_ref(), Some(&lines));
    lines
}

/// `pages` pages of `size` users. Of these, `keeps` chooses users by page and place.
fn listing(pages: u64, size: impl Fn(u64) -> u8, keeps: impl Fn(u64, u8) -> bool) -> Vec<Place> {
    let keeps = &keeps;
    (1..=pages)
        .flat_map(|page| {
            (0..size(page)).filter(move |&place| keeps(page, place)).map(move |place| Place { page, place })
        })
        .collect()
}

/// A pseudo-random number below 1,000. It is the same in every run.
fn random(page: u64, place: u8) -> u64 {
    let mut state = (page * 256 + u64::from(place)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)) % 1_000
}

#[test]
fn a_list_of_half_a_million_users_is_small() {
    let size_of = |mut places: Vec<Place>| {
        places.truncate(500_000);
        assert_eq!(places.len(), 500_000);
        packed(&places).packed.len()
    };
    let full = size_of(listing(8_334, |_| 60, |_, _| true));
    let short_pages = size_of(listing(11_000, |page| 40 + (random(page, 0) % 21) as u8, |_, _| true));
    let one_in_a_hundred_missing = size_of(listing(8_600, |_| 60, |page, place| random(page, place) >= 10));
    let one_in_ten_missing = size_of(listing(9_500, |_| 60, |page, place| random(page, place) >= 100));
    let half_missing = size_of(listing(17_500, |_| 60, |page, place| random(page, place) >= 500));
    // Only this list exceeds the limit of a part.
    let nine_in_ten_missing = size_of(listing(86_000, |_| 60, |page, place| random(page, place) >= 900));
    assert_eq!(
        [full, short_pages, one_in_a_hundred_missing, one_in_ten_missing, half_missing, nine_in_ten_missing],
        [7, 19_984, 23_690, 79_942, 148_702, 644_643]
    );
}

#[test]
fn the_last_place_of_a_page_is_kept() {
    for places in
        [vec![255], (0..=255).collect::<Vec<u8>>(), vec![0, 255], (1..=255).collect(), (0..=254).collect()]
    {
        let places: Vec<_> = places.into_iter().map(|place| Place { page: u64::MAX - 1, place }).collect();
        let lines = packed(&places);
        assert_eq!((0..lines.users()).filter_map(|index| lines.get(index)).collect::<Vec<_>>(), places);
    }
}

#[test]
fn a_damaged_list_of_lines_is_refused() {
    for bytes in [&[0u8][..], &[1], &[0x41, 1], &[1, 0], &[0x81, 0], &[0x80 | 33], &[3, 200, 50, 10]] {
        assert_eq!(Lines::read(bytes.to_vec()), None, "{bytes:?}");
    }
    let damaged = AttributeValue::B(vec![0]);
    assert!(
        serde_dynamo::from_attribute_value::<_, Lines>(damaged).unwrap_err().to_string().contains(DAMAGED)
    );
}

/// Pages with any places, mostly the same ones, and some pages with none.
fn pages() -> impl Strategy<Value = Vec<Place>> {
    let places = prop_oneof![
        4 => Just((0..60).collect::<Vec<u8>>()),
        1 => (0u8..61).prop_map(|size| (0..size).collect()),
        1 => prop::collection::btree_set(0u8..60, 0..60).prop_map(|places| places.into_iter().collect()),
        1 => prop::collection::btree_set(any::<u8>(), 0..256).prop_map(|places| places.into_iter().collect()),
    ];
    let page = (prop_oneof![6 => Just(1u64), 1 => 1u64..1_000], places);
    prop::collection::vec(page, 0..40).prop_map(|pages| {
        let mut number = 0;
        let mut all = Vec::new();
        for (step, places) in pages {
            number += step;
            all.extend(places.into_iter().map(|place| Place { page: number, place }));
        }
        all
    })
}

proptest! {
    #[test]
    fn every_row_leads_to_the_place_of_its_user(places in pages()) {
        let lines = packed(&places);
        prop_assert_eq!(lines.users(), places.len() as u64);
        for (index, place) in places.iter().enumerate() {
            prop_assert_eq!(lines.get(index as u64), Some(*place));
        }
        prop_assert_eq!(lines.get(places.len() as u64), None);
        let value: AttributeValue = serde_dynamo::to_attribute_value(&lines).unwrap();
        prop_assert!(matches!(value, AttributeValue::B(_)));
        prop_assert_eq!(serde_dynamo::from_attribute_value::<_, Lines>(value).unwrap(), lines);
    }

    #[test]
    fn reading_any_bytes_as_a_list_of_lines_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Some(lines) = Lines::read(bytes) {
            for index in [0, 1, lines.users() / 2, lines.users().saturating_sub(1), lines.users(), u64::MAX] {
                prop_assert_eq!(lines.get(index).is_some(), index < lines.users());
            }
        }
    }
}
