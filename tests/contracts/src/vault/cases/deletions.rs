//! Deleting items, fenced or not.

use shared::ports::vault::{Fence, HOLDER, Key};

use super::parts::{existing, get, item, put_all, put_new, refused, small, text};
use crate::vault::{Answer, Call, Case};

pub(super) fn cases() -> Vec<Case> {
    vec![
        deletions(),
        fence_that_holds(),
        fence_of_another_holder(),
        fence_without_an_item(),
        fenced_deletions_of_many(),
        fenced_deletions_of_large_items(),
        fenced_deletions_that_name_a_key_twice(),
    ]
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
        steps: vec![
            fenced.fill(),
            (fenced.delete("b", &fenced.keys), Answer::Did(false)),
            existing(&fenced.keys, &fenced.keys),
        ],
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
        steps: vec![
            fenced.fill(),
            (fenced.delete("a", &fenced.keys), Answer::Did(true)),
            existing(&fenced.keys, &[]),
        ],
    }
}

fn fenced_deletions_of_large_items() -> Case {
    let fenced = Fenced::new("POOL#heavy", 14);
    let large = small(&"x".repeat(390 * 1024));
    Case {
        name: "a fenced deletion takes place with items of any size",
        steps: vec![
            fenced.fill(),
            put_all(fenced.keys.iter().map(|key| (key.clone(), large.clone()))),
            (fenced.delete("b", &fenced.keys), Answer::Did(false)),
            existing(&fenced.keys, &fenced.keys),
            (fenced.delete("a", &fenced.keys), Answer::Did(true)),
            existing(&fenced.keys, &[]),
        ],
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
