//! Items that expire.

use serde_dynamo::Item;
use shared::model::ExpiresAt;
use shared::ports::vault::{EXPIRES_AT, Key, Order, Query, REVISION, expiry_value};

use super::parts::{existing, get, insert_all, item, put_all, put_new, replace, small, text};
use crate::vault::{Answer, Call, Case};

/// The year 2001, and the year 3000.
const PAST: i64 = 1_000_000_000;
const FUTURE: i64 = 32_503_680_000;

pub(super) fn cases() -> Vec<Case> {
    vec![
        expired_items(),
        items_that_expire_later(),
        puts_over_expired_items(),
        inserts_over_expired_items(),
        queries_along_expired_items(),
        whole_partitions(),
        changed_expiry(),
    ]
}

fn expiring(value: &str, at: i64) -> Item {
    item(&[("a", text(value)), (EXPIRES_AT, expiry_value(ExpiresAt::at_second(at)))])
}

fn revised(value: &str, revision: &str, at: i64) -> Item {
    let mut item = expiring(value, at);
    let revision = serde_dynamo::AttributeValue::N(revision.to_owned());
    item.inner_mut().insert(REVISION.to_owned(), revision);
    item
}

fn expired_items() -> Case {
    let key = Key::new("RESTORE#expired", "UNIT#1");
    Case {
        name: "an item that has expired is absent for every read",
        steps: vec![
            put_all([(key.clone(), expiring("x", PAST))]),
            get(&key, None),
            (Call::GetAll(vec![key.clone()]), Answer::Items(Vec::new())),
            existing(&[key], &[]),
        ],
    }
}

fn items_that_expire_later() -> Case {
    let key = Key::new("RESTORE#later", "UNIT#1");
    let later = expiring("x", FUTURE);
    // A TTL is a number. A text is none.
    let (other, named) = (Key::new("RESTORE#later", "UNIT#2"), item(&[(EXPIRES_AT, text("1"))]));
    Case {
        name: "an item that expires later is there",
        steps: vec![
            put_all([(key.clone(), later.clone()), (other.clone(), named.clone())]),
            get(&key, Some(later)),
            get(&other, Some(named)),
            existing(&[key.clone(), other.clone()], &[key, other]),
        ],
    }
}

fn puts_over_expired_items() -> Case {
    let (new, old) = (Key::new("RESTORE#over", "UNIT#1"), Key::new("RESTORE#over", "UNIT#2"));
    let later = revised("x", "1", FUTURE);
    Case {
        name: "a put where nothing may be replaces an item that has expired, and a put at a revision does not",
        steps: vec![
            put_all([(new.clone(), expiring("x", PAST)), (old.clone(), revised("x", "3", PAST))]),
            put_new(&new, later.clone(), true),
            put_new(&new, small("y"), false),
            get(&new, Some(later)),
            replace(&new, revised("z", "2", FUTURE), 1, true),
            replace(&old, revised("y", "4", FUTURE), 3, false),
            get(&old, None),
        ],
    }
}

fn inserts_over_expired_items() -> Case {
    let key = Key::new("RESTORE#inserted", "UNIT#1");
    Case {
        name: "an item that has expired keeps its key from an insert, and not from a put",
        steps: vec![
            put_all([(key.clone(), expiring("x", PAST))]),
            insert_all([(key.clone(), small("y"))]),
            get(&key, None),
            put_all([(key.clone(), small("z"))]),
            get(&key, Some(small("z"))),
        ],
    }
}

fn queries_along_expired_items() -> Case {
    let items = [("B#1", FUTURE), ("B#2", PAST), ("B#3", PAST), ("B#4", FUTURE)];
    let items = items.map(|(sk, at)| (Key::new("RESTORE#along", sk), expiring("x", at)));
    let query = |after: Option<&str>, order, limit| {
        let (pk, prefix) = ("RESTORE#along".to_owned(), "B#".to_owned());
        Call::Query(Query { pk, prefix, after: after.map(str::to_owned), order, limit })
    };
    let found = |sks: &[&str], next: Option<&str>| {
        Answer::Found(sks.iter().map(|sk| (*sk).to_owned()).collect(), next.map(str::to_owned))
    };
    Case {
        name: "a query leaves out items that have expired, and continues after them",
        steps: vec![
            put_all(items),
            (query(None, Order::Ascending, 9), found(&["B#1", "B#4"], None)),
            (query(None, Order::Ascending, 2), found(&["B#1"], Some("B#2"))),
            (query(Some("B#2"), Order::Ascending, 1), found(&[], Some("B#3"))),
            (query(Some("B#3"), Order::Ascending, 2), found(&["B#4"], None)),
            (query(None, Order::Descending, 3), found(&["B#4"], Some("B#2"))),
        ],
    }
}

fn whole_partitions() -> Case {
    let sks = ["A#1", "B#1", "C"];
    let query = Query {
        pk: "RESTORE#whole".to_owned(),
        prefix: String::new(),
        after: None,
        order: Order::Ascending,
        limit: 9,
    };
    let after = Query { after: Some("A#1".to_owned()), ..query.clone() };
    let found = |sks: &[&str]| Answer::Found(sks.iter().map(|sk| (*sk).to_owned()).collect(), None);
    Case {
        name: "a query without a prefix finds the whole partition",
        steps: vec![
            put_all(sks.map(|sk| (Key::new("RESTORE#whole", sk), small("x")))),
            (Call::Query(query), found(&sks)),
            (Call::Query(after), found(&sks[1..])),
        ],
    }
}

fn changed_expiry() -> Case {
    let [kept, expired, missing] = ["A", "B", "C"].map(|sk| Key::new("RESTORE#renewed", sk));
    let (at, keys) = (ExpiresAt::at_second(FUTURE), vec![kept.clone(), missing.clone()]);
    Case {
        name: "a change of the expiry changes nothing else, and creates nothing",
        steps: vec![
            put_all([(kept.clone(), small("x")), (expired.clone(), small("x"))]),
            (Call::SetExpiry(keys, Some(at)), Answer::Done),
            get(&kept, Some(expiring("x", FUTURE))),
            get(&missing, None),
            put_new(&missing, small("y"), true),
            (Call::SetExpiry(vec![kept.clone()], None), Answer::Done),
            get(&kept, Some(small("x"))),
            (Call::SetExpiry(vec![expired.clone()], Some(ExpiresAt::at_second(PAST))), Answer::Done),
            get(&expired, None),
            (Call::SetExpiry(Vec::new(), None), Answer::Done),
        ],
    }
}
