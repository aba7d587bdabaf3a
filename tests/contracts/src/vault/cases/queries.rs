//! Reading along partitions.

use shared::ports::vault::{Key, Order, Query};

use super::parts::{get, put_all, small};
use crate::vault::{Answer, Call, Case};

pub(super) fn cases() -> Vec<Case> {
    vec![
        queries_ascending(),
        queries_descending(),
        queries_of_nothing(),
        a_query_at_its_limit(),
        a_query_of_more_than_a_megabyte(),
        queries_of_identifiers(),
        partitions(),
    ]
}

const SORT_KEYS: [&str; 6] = ["A#1", "B#1", "B#10", "B#2", "B#3", "C#1"];

/// A query of the sort keys that begin with `B#`.
fn query(partition: &str, after: Option<&str>, order: Order, limit: u32) -> Call {
    Call::Query(Query {
        pk: partition.to_owned(),
        prefix: "B#".to_owned(),
        after: after.map(str::to_owned),
        order,
        limit,
    })
}

fn found(sks: &[&str], next: Option<&str>) -> Answer {
    Answer::Found(sks.iter().map(|sk| (*sk).to_owned()).collect(), next.map(str::to_owned))
}

fn fill(partition: &str, value: &str) -> (Call, Answer) {
    put_all(SORT_KEYS.map(|sk| (Key::new(partition, sk), small(value))))
}

fn queries_ascending() -> Case {
    let query = |after, limit| query("SNAP#up", after, Order::Ascending, limit);
    Case {
        name: "a query goes up the sort keys of its prefix",
        steps: vec![
            fill("SNAP#up", "x"),
            (query(None, 9), found(&["B#1", "B#10", "B#2", "B#3"], None)),
            (query(None, 2), found(&["B#1", "B#10"], Some("B#10"))),
            (query(Some("B#10"), 3), found(&["B#2", "B#3"], None)),
            (query(Some("B#15"), 3), found(&["B#2", "B#3"], None)),
            (query(Some("B#3"), 3), found(&[], None)),
        ],
    }
}

fn queries_descending() -> Case {
    let query = |after, limit| query("SNAP#down", after, Order::Descending, limit);
    Case {
        name: "a query goes down the sort keys of its prefix",
        steps: vec![
            fill("SNAP#down", "x"),
            (query(None, 9), found(&["B#3", "B#2", "B#10", "B#1"], None)),
            (query(None, 1), found(&["B#3"], Some("B#3"))),
            (query(Some("B#2"), 9), found(&["B#10", "B#1"], None)),
            (query(Some("B#15"), 9), found(&["B#10", "B#1"], None)),
            (query(Some("B#1"), 9), found(&[], None)),
        ],
    }
}

fn queries_of_nothing() -> Case {
    Case {
        name: "a query of an empty partition ends at once",
        steps: vec![
            (query("SNAP#nothing", None, Order::Ascending, 9), found(&[], None)),
            put_all([(Key::new("SNAP#nothing", "A#1"), small("x"))]),
            (query("SNAP#nothing", None, Order::Ascending, 9), found(&[], None)),
            (query("SNAP#nothing", None, Order::Descending, 9), found(&[], None)),
        ],
    }
}

fn a_query_at_its_limit() -> Case {
    Case {
        name: "a query that reaches its limit does not look further",
        steps: vec![
            fill("SNAP#limit", "x"),
            (query("SNAP#limit", Some("B#2"), Order::Ascending, 1), found(&["B#3"], Some("B#3"))),
            (query("SNAP#limit", Some("B#10"), Order::Descending, 1), found(&["B#1"], Some("B#1"))),
        ],
    }
}

fn a_query_of_more_than_a_megabyte() -> Case {
    let all: Vec<_> = (1..=6).map(|number| format!("B#{number}")).collect();
    let large = small(&"x".repeat(300 * 1024));
    Case {
        name: "a query answers about a megabyte at once",
        steps: vec![
            put_all(all.iter().map(|sk| (Key::new("SNAP#large", sk.as_str()), large.clone()))),
            (query("SNAP#large", None, Order::Ascending, 9), Answer::Beginning(all)),
        ],
    }
}

fn queries_of_identifiers() -> Case {
    let sk = "B#617ae49d-f84c-47fc-99bf-1b780e65dec8";
    Case {
        name: "a query finds sort keys that end in an identifier",
        steps: vec![
            put_all([(Key::new("RESTORE#ids", sk), small("x"))]),
            (query("RESTORE#ids", None, Order::Ascending, 9), found(&[sk], None)),
        ],
    }
}

fn partitions() -> Case {
    let sks = ["B#1", "B#2"];
    let in_partition = |partition: &'static str| sks.map(|sk| (Key::new(partition, sk), small(partition)));
    Case {
        name: "a partition knows nothing of another",
        steps: vec![
            put_all(in_partition("SNAP#one").into_iter().chain(in_partition("SNAP#one#more"))),
            (query("SNAP#one", None, Order::Ascending, 9), found(&sks, None)),
            (Call::DeleteAll(vec![Key::new("SNAP#one", "B#1")]), Answer::Done),
            get(&Key::new("SNAP#one#more", "B#1"), Some(small("SNAP#one#more"))),
        ],
    }
}
