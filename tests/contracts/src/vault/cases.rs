//! The cases of a vault.
//!
//! Sources: "Constraints in Amazon DynamoDB", the API reference of its operations, and the docs of the trait.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use shared::ports::vault::{Fence, HOLDER, Key, Order, Query, REVISION};
use shared::{ErrorKind, item_size};

use super::{Answer, Call, Case};

/// All cases.
pub fn cases() -> Vec<Case> {
    vec![
        absent_items(),
        replaced_items(),
        every_type(),
        put_where_nothing_is(),
        put_at_a_revision(),
        put_without_a_revision(),
        batches(),
        empty_batches(),
        batches_that_name_a_key_twice(),
        sizes(),
        keys(),
        deletions(),
        fence_that_holds(),
        fence_of_another_holder(),
        fence_without_an_item(),
        fenced_deletions_of_many(),
        fenced_deletions_that_name_a_key_twice(),
        queries_ascending(),
        queries_descending(),
        queries_of_nothing(),
        a_query_at_its_limit(),
        a_query_of_more_than_a_megabyte(),
        queries_of_identifiers(),
        partitions(),
    ]
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn item(attributes: &[(&str, AttributeValue)]) -> Item {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    attributes.collect::<HashMap<_, _>>().into()
}

/// An item of one attribute.
fn small(value: &str) -> Item {
    item(&[("a", text(value))])
}

fn revised(revision: u64, value: &str) -> Item {
    item(&[(REVISION, AttributeValue::N(revision.to_string())), ("a", text(value))])
}

fn put_new(key: &Key, item: Item, done: bool) -> (Call, Answer) {
    (Call::PutNew(key.clone(), item), Answer::Did(done))
}

fn replace(key: &Key, item: Item, revision: u64, done: bool) -> (Call, Answer) {
    (Call::Replace(key.clone(), item, revision), Answer::Did(done))
}

fn put_all(items: impl IntoIterator<Item = (Key, Item)>) -> (Call, Answer) {
    (Call::PutAll(items.into_iter().collect()), Answer::Done)
}

fn get(key: &Key, item: Option<Item>) -> (Call, Answer) {
    (Call::Get(key.clone()), Answer::Item(item))
}

fn existing(asked: &[Key], found: &[Key]) -> (Call, Answer) {
    (Call::Existing(asked.to_vec()), Answer::Keys(found.to_vec()))
}

fn refused(call: Call) -> (Call, Answer) {
    (call, Answer::Refused(ErrorKind::CallRefused))
}

fn absent_items() -> Case {
    let key = Key::new("SNAP#absent", "UNIT#1");
    Case {
        name: "what is not there is found by no read",
        steps: vec![get(&key, None), (Call::GetAll(vec![key.clone()]), Answer::Items(Vec::new())), existing(&[key], &[])],
    }
}

fn replaced_items() -> Case {
    let key = Key::new("SNAP#replaced", "UNIT#1");
    let before = item(&[("a", text("x")), ("b", text("y"))]);
    Case {
        name: "a put replaces the whole item",
        steps: vec![put_all([(key.clone(), before)]), put_all([(key.clone(), small("z"))]), get(&key, Some(small("z")))],
    }
}

fn every_type() -> Case {
    let key = Key::new("SNAP#types", "UNIT#1");
    let map = HashMap::from([("inner".to_owned(), text("ä"))]);
    let item = item(&[
        ("text", text("Ωλγα \"quoted\"\n")),
        ("empty", text("")),
        ("number", AttributeValue::N("1793498400123".to_owned())),
        ("negative", AttributeValue::N("-7".to_owned())),
        ("bytes", AttributeValue::B((0..=255).collect())),
        ("flag", AttributeValue::Bool(false)),
        ("nothing", AttributeValue::Null(true)),
        ("list", AttributeValue::L(vec![text("x"), AttributeValue::N("2".to_owned())])),
        ("map", AttributeValue::M(map)),
    ]);
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
            refused(Call::PutAll(vec![too_large])),
            get(&over, None),
        ],
    }
}

fn keys() -> Case {
    let longest = Key::new("SNAP#keys", "x".repeat(1024));
    let put = |key: Key| Call::PutAll(vec![(key, small("x"))]);
    Case {
        name: "a key is neither empty nor too long",
        steps: vec![
            put_all([(longest.clone(), small("x"))]),
            get(&longest, Some(small("x"))),
            refused(put(Key::new("SNAP#keys", "x".repeat(1025)))),
            refused(put(Key::new("SNAP#keys", ""))),
            refused(put(Key::new("", "x"))),
            refused(put(Key::new("x".repeat(2049), "x"))),
        ],
    }
}

fn deletions() -> Case {
    let [one, other] = ["UNIT#1", "UNIT#2"].map(|sk| Key::new("SNAP#deleted", sk));
    Case {
        name: "a deletion of what is not there is no error",
        steps: vec![
            put_all([(one.clone(), small("x")), (other.clone(), small("y"))]),
            (Call::DeleteAll(vec![one.clone()]), Answer::Done),
            (Call::DeleteAll(vec![one.clone()]), Answer::Done),
            existing(&[one.clone(), other.clone()], std::slice::from_ref(&other)),
            put_new(&one, small("z"), true),
        ],
    }
}

/// A lease held by `a`, and keys to delete under it.
struct Fenced {
    lease: Key,
    keys: Vec<Key>,
}

impl Fenced {
    fn new(partition: &str, keys: usize) -> Self {
        let keys = (0..keys).map(|number| Key::new(partition, format!("PAGE#{number:03}")));
        Self { lease: Key::new(partition, "LEASE#EXPORT"), keys: keys.collect() }
    }

    fn fill(&self) -> (Call, Answer) {
        let lease = (self.lease.clone(), item(&[(HOLDER, text("a"))]));
        put_all(self.keys.iter().map(|key| (key.clone(), small("x"))).chain([lease]))
    }

    fn delete(&self, holder: &str, keys: &[Key]) -> Call {
        Call::DeleteWhile(Fence { key: self.lease.clone(), holder: holder.to_owned() }, keys.to_vec())
    }
}

fn fence_that_holds() -> Case {
    let fenced = Fenced::new("POOL#fenced", 3);
    let missing = Key::new("POOL#fenced", "PAGE#none");
    let some = [fenced.keys[0].clone(), missing, fenced.keys[1].clone()];
    Case {
        name: "a fenced deletion takes place while the fence holds",
        steps: vec![
            fenced.fill(),
            (fenced.delete("a", &some), Answer::Did(true)),
            existing(&fenced.keys, &fenced.keys[2..]),
            get(&fenced.lease, Some(item(&[(HOLDER, text("a"))]))),
        ],
    }
}

fn fence_of_another_holder() -> Case {
    let fenced = Fenced::new("POOL#other", 3);
    Case {
        name: "a fenced deletion does nothing if another holds the lease",
        steps: vec![fenced.fill(), (fenced.delete("b", &fenced.keys), Answer::Did(false)), existing(&fenced.keys, &fenced.keys)],
    }
}

fn fence_without_an_item() -> Case {
    let fenced = Fenced::new("POOL#free", 3);
    let free = item(&[("expires", text("x"))]);
    Case {
        name: "a fence holds no item that lacks a holder or does not exist",
        steps: vec![
            fenced.fill(),
            put_all([(fenced.lease.clone(), free)]),
            (fenced.delete("a", &fenced.keys), Answer::Did(false)),
            (Call::DeleteAll(vec![fenced.lease.clone()]), Answer::Done),
            (fenced.delete("a", &fenced.keys), Answer::Did(false)),
            existing(&fenced.keys, &fenced.keys),
        ],
    }
}

fn fenced_deletions_of_many() -> Case {
    let fenced = Fenced::new("POOL#many", 230);
    Case {
        name: "a fenced deletion is as long as it has to be",
        steps: vec![fenced.fill(), (fenced.delete("a", &fenced.keys), Answer::Did(true)), existing(&fenced.keys, &[])],
    }
}

fn fenced_deletions_that_name_a_key_twice() -> Case {
    let fenced = Fenced::new("POOL#twice", 2);
    let twice = [fenced.keys[0].clone(), fenced.keys[0].clone()];
    Case {
        name: "a fenced deletion that names a key twice is refused, the fence's own among them",
        steps: vec![
            fenced.fill(),
            refused(fenced.delete("a", &twice)),
            refused(fenced.delete("a", std::slice::from_ref(&fenced.lease))),
            existing(&fenced.keys, &fenced.keys),
        ],
    }
}

const SORT_KEYS: [&str; 6] = ["A#1", "B#1", "B#10", "B#2", "B#3", "C#1"];

/// A query of the sort keys that begin with `B#`.
fn query(partition: &str, after: Option<&str>, order: Order, limit: u32) -> Call {
    Call::Query(Query { pk: partition.to_owned(), prefix: "B#".to_owned(), after: after.map(str::to_owned), order, limit })
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
