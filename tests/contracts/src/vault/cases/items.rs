//! Writing and reading items.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use shared::item_size;
use shared::ports::vault::{Key, REVISION};

use super::parts::{
    existing, get, insert_all, item, put_all, put_new, refused, replace, revised, small, text,
};
use crate::vault::{Answer, Call, Case};

pub(super) fn cases() -> Vec<Case> {
    vec![
        absent_items(),
        replaced_items(),
        every_type(),
        put_where_nothing_is(),
        put_at_a_revision(),
        put_without_a_revision(),
        inserted_items(),
        inserted_types(),
        inserted_batches(),
        batches(),
        empty_batches(),
        batches_that_name_a_key_twice(),
        sizes(),
        keys(),
    ]
}

fn absent_items() -> Case {
    let key = Key::new("SNAP#absent", "UNIT#1");
    Case {
        name: "what is not there is found by no read",
        steps: vec![
            get(&key, None),
            (Call::GetAll(vec![key.clone()]), Answer::Items(Vec::new())),
            existing(&[key], &[]),
        ],
    }
}

fn replaced_items() -> Case {
    let key = Key::new("SNAP#replaced", "UNIT#1");
    let before = item(&[("a", text("x")), ("b", text("y"))]);
    Case {
        name: "a put replaces the whole item",
        steps: vec![
            put_all([(key.clone(), before)]),
            put_all([(key.clone(), small("z"))]),
            get(&key, Some(small("z"))),
        ],
    }
}

fn of_every_type() -> Item {
    let map = HashMap::from([("inner".to_owned(), text("ä"))]);
    item(&[
        ("text", text("Ωλγα \"quoted\"\n")),
        ("empty", text("")),
        ("number", AttributeValue::N("1793498400123".to_owned())),
        ("negative", AttributeValue::N("-7".to_owned())),
        ("bytes", AttributeValue::B((0..=255).collect())),
        ("flag", AttributeValue::Bool(false)),
        ("nothing", AttributeValue::Null(true)),
        ("list", AttributeValue::L(vec![text("x"), AttributeValue::N("2".to_owned())])),
        ("map", AttributeValue::M(map)),
    ])
}

fn every_type() -> Case {
    let key = Key::new("SNAP#types", "UNIT#1");
    let item = of_every_type();
    Case {
        name: "a value of every type comes back as it was put",
        steps: vec![put_new(&key, item.clone(), true), get(&key, Some(item))],
    }
}

fn put_where_nothing_is() -> Case {
    let key = Key::new("SNAP#new", "UNIT#1");
    Case {
        name: "a put where nothing may be takes place once",
        steps: vec![
            put_new(&key, small("first"), true),
            put_new(&key, small("second"), false),
            put_new(&key, small("first"), false),
            get(&key, Some(small("first"))),
        ],
    }
}

fn put_at_a_revision() -> Case {
    let key = Key::new("SNAP#revised", "UNIT#1");
    Case {
        name: "a put at a revision takes place at that revision alone",
        steps: vec![
            replace(&key, revised(1, "x"), 0, false),
            get(&key, None),
            put_new(&key, revised(7, "x"), true),
            replace(&key, revised(8, "y"), 6, false),
            replace(&key, revised(8, "y"), 7, true),
            replace(&key, revised(8, "z"), 7, false),
            get(&key, Some(revised(8, "y"))),
        ],
    }
}

fn put_without_a_revision() -> Case {
    let key = Key::new("SNAP#unrevised", "UNIT#1");
    let as_text = item(&[(REVISION, text("1"))]);
    Case {
        name: "an item without a revision is at none",
        steps: vec![
            put_all([(key.clone(), small("x"))]),
            replace(&key, revised(1, "y"), 0, false),
            put_all([(key.clone(), as_text)]),
            replace(&key, revised(2, "y"), 1, false),
        ],
    }
}

fn inserted_items() -> Case {
    let [present, absent] = ["REC#1", "REC#2"].map(|sk| Key::new("USER#inserted", sk));
    Case {
        name: "an insert writes what is absent, and leaves what is there",
        steps: vec![
            insert_all([(present.clone(), small("first"))]),
            insert_all([(present.clone(), small("second")), (absent.clone(), small("second"))]),
            get(&present, Some(small("first"))),
            get(&absent, Some(small("second"))),
            put_all([(present.clone(), small("third"))]),
            get(&present, Some(small("third"))),
        ],
    }
}

fn inserted_types() -> Case {
    let key = Key::new("USER#types", "REC#1");
    let item = of_every_type();
    Case {
        name: "a value of every type comes back as it was inserted",
        steps: vec![insert_all([(key.clone(), item.clone())]), get(&key, Some(item))],
    }
}

fn inserted_batches() -> Case {
    let keys: Vec<_> = (0..130).map(|number| Key::new("USER#batches", format!("REC#{number:03}"))).collect();
    let of = |value: &str| keys.iter().map(|key| (key.clone(), small(value))).collect::<Vec<_>>();
    let (before, after) = keys.split_at(30);
    let item = |value: &'static str| move |key: &Key| (key.clone(), small(value));
    Case {
        name: "inserts are as many as they have to be, and each stands by itself",
        steps: vec![
            insert_all(before.iter().map(item("first"))),
            insert_all(of("second")),
            insert_all(of("third")),
            (
                Call::GetAll(keys.clone()),
                Answer::Items(
                    before.iter().map(item("first")).chain(after.iter().map(item("second"))).collect(),
                ),
            ),
        ],
    }
}

fn batches() -> Case {
    let keys: Vec<_> = (0..230).map(|number| Key::new("SNAP#batches", format!("PAGE#{number:03}"))).collect();
    let items: Vec<_> = keys.iter().map(|key| (key.clone(), small(&key.sk))).collect();
    let mut asked = keys.clone();
    asked.insert(100, Key::new("SNAP#batches", "PAGE#none"));
    Case {
        name: "batches are as long as they have to be and name what there is",
        steps: vec![
            put_all(items.clone()),
            (Call::GetAll(asked.clone()), Answer::Items(items)),
            existing(&asked, &keys),
            (Call::DeleteAll(asked.clone()), Answer::Done),
            existing(&asked, &[]),
        ],
    }
}

fn empty_batches() -> Case {
    Case {
        name: "a batch of nothing does nothing",
        steps: vec![
            insert_all([]),
            put_all([]),
            (Call::GetAll(Vec::new()), Answer::Items(Vec::new())),
            existing(&[], &[]),
            (Call::DeleteAll(Vec::new()), Answer::Done),
        ],
    }
}

fn batches_that_name_a_key_twice() -> Case {
    let key = Key::new("SNAP#twice", "UNIT#1");
    let twice = || vec![key.clone(), key.clone()];
    Case {
        name: "a batch that names a key twice is refused",
        steps: vec![
            refused(Call::InsertAll(vec![(key.clone(), small("x")), (key.clone(), small("y"))])),
            refused(Call::PutAll(vec![(key.clone(), small("x")), (key.clone(), small("y"))])),
            refused(Call::GetAll(twice())),
            refused(Call::Existing(twice())),
            refused(Call::DeleteAll(twice())),
            get(&key, None),
        ],
    }
}

fn sizes() -> Case {
    let (full, over) = (Key::new("SNAP#sizes", "A"), Key::new("SNAP#sizes", "B"));
    let of_size = |key: &Key, size: usize| {
        let filler = size - item_size::of(key, &small(""));
        (key.clone(), small(&"x".repeat(filler)))
    };
    let largest = of_size(&full, 400 * 1024);
    let too_large = of_size(&over, 400 * 1024 + 1);
    Case {
        name: "an item has at most 400 KB",
        steps: vec![
            put_new(&full, largest.1.clone(), true),
            get(&full, Some(largest.1)),
            refused(Call::PutNew(over.clone(), too_large.1.clone())),
            refused(Call::InsertAll(vec![too_large.clone()])),
            refused(Call::PutAll(vec![too_large])),
            get(&over, None),
        ],
    }
}

fn keys() -> Case {
    let longest = Key::new("SNAP#keys", "x".repeat(1024));
    let put = |key: Key| Call::PutAll(vec![(key, small("x"))]);
    let insert = |key: Key| Call::InsertAll(vec![(key, small("x"))]);
    let inserted = Key::new("USER#keys", "x".repeat(1024));
    Case {
        name: "a key is neither empty nor too long",
        steps: vec![
            put_all([(longest.clone(), small("x"))]),
            get(&longest, Some(small("x"))),
            insert_all([(inserted.clone(), small("x"))]),
            get(&inserted, Some(small("x"))),
            refused(insert(Key::new("USER#keys", "x".repeat(1025)))),
            refused(insert(Key::new("USER#keys", ""))),
            refused(insert(Key::new("", "x"))),
            refused(insert(Key::new("x".repeat(2049), "x"))),
            refused(put(Key::new("SNAP#keys", "x".repeat(1025)))),
            refused(put(Key::new("SNAP#keys", ""))),
            refused(put(Key::new("", "x"))),
            refused(put(Key::new("x".repeat(2049), "x"))),
        ],
    }
}
