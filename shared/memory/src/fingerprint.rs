//! Fingerprints: numbers by which a search of schedules recognises a state that it has met before.
//!
//! Two states with one fingerprint are alike for every later call. A fingerprint covers all that such a call can
//! read: the items of a table, the content of a pool, and what an actor has been told.

use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_dynamo::{AttributeValue, Item};
use shared::model::{GroupName, GroupRecord, PoolDescription, Sub, User, UserRecord};
use shared::ports::pool::{ConfigurationAnswer, ImportJob, Listed};

/// Hashes alike in each run of a program.
#[derive(Debug, Default)]
pub(super) struct Fingerprint(DefaultHasher);

impl Fingerprint {
    pub(super) fn of(value: &impl Hash) -> u64 {
        Self::default().and(value).finish()
    }

    #[must_use]
    pub(super) fn and(mut self, value: &impl Hash) -> Self {
        value.hash(&mut self.0);
        self
    }

    /// Adds a value by its text for debugging, which must show all of it.
    #[must_use]
    pub(super) fn shown(mut self, value: &impl Debug) -> Self {
        // A hasher refuses no text.
        let _ = write!(Text(&mut self.0), "{value:?}|");
        self
    }

    pub(super) fn finish(self) -> u64 {
        self.0.finish()
    }
}

struct Text<'a>(&'a mut DefaultHasher);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Values in no particular order.
pub(super) fn in_any_order(fingerprints: impl Iterator<Item = u64>) -> u64 {
    fingerprints.fold(0, u64::wrapping_add)
}

pub(super) fn of_item(item: &Item) -> u64 {
    in_any_order(item.inner().iter().map(|(name, value)| Fingerprint::of(&(name, of_value(value)))))
}

fn of_value(value: &AttributeValue) -> u64 {
    let print = Fingerprint::default();
    match value {
        AttributeValue::M(map) => {
            let members = map.iter().map(|(name, value)| Fingerprint::of(&(name, of_value(value))));
            print.and(&('M', in_any_order(members))).finish()
        }
        AttributeValue::L(list) => {
            list.iter().fold(print, |print, value| print.and(&of_value(value))).finish()
        }
        AttributeValue::B(bytes) => print.and(&('B', bytes)).finish(),
        AttributeValue::S(text) => print.and(&('S', text)).finish(),
        AttributeValue::N(number) => print.and(&('N', number)).finish(),
        other => print.shown(other).finish(),
    }
}

pub(super) fn of_user(record: &UserRecord) -> u64 {
    // Its text for debugging shows no personal data.
    let UserRecord { username, attributes, enabled, status, mfa_options, mfa, created, modified } = record;
    Fingerprint::default()
        .and(&(username.as_str(), attributes, enabled, mfa_options, created, modified))
        .shown(&(status, mfa))
        .finish()
}

/// What a call of a pool answers.
pub(super) trait Answered {
    fn fingerprint(&self) -> u64;
}

impl Answered for User {
    fn fingerprint(&self) -> u64 {
        Fingerprint::of(&(self.sub.as_str(), of_user(&self.record)))
    }
}

macro_rules! answers_that_show_all {
    ($($answer:ty),+) => {$(
        impl Answered for $answer {
            fn fingerprint(&self) -> u64 {
                Fingerprint::default().shown(self).finish()
            }
        }
    )+};
}

answers_that_show_all!((), u32, String, Sub, GroupName, GroupRecord, PoolDescription, ImportJob);

impl Answered for ConfigurationAnswer {
    fn fingerprint(&self) -> u64 {
        Fingerprint::of(&self.reveal().to_string())
    }
}

impl<T: Answered> Answered for Vec<T> {
    fn fingerprint(&self) -> u64 {
        self.iter().fold(Fingerprint::default(), |print, value| print.and(&value.fingerprint())).finish()
    }
}

impl<T: Answered> Answered for Listed<T> {
    fn fingerprint(&self) -> u64 {
        let print = Fingerprint::default().and(&(self.entries.fingerprint(), &self.next_token));
        print.shown(&self.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn item(values: &[(&str, AttributeValue)]) -> Item {
        Item::from(
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<HashMap<_, _>>(),
        )
    }

    #[test]
    fn a_fingerprint_of_an_item_depends_on_its_values_and_not_on_their_order() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = AttributeValue::N("1".to_owned());
        let one = [("a", text("1")), ("b", text("2")), ("c", AttributeValue::L(vec![text("x"), text("y")]))];
        let mut other = one.clone();
        other.reverse();
        assert_eq!(of_item(&item(&one)), of_item(&item(&other)));
        other[0].1 = AttributeValue::L(vec![text("y"), text("x")]);
        assert_ne!(of_item(&item(&one)), of_item(&item(&other)));
        assert_ne!(of_item(&item(&[("a", text("1"))])), of_item(&item(&[("a", number)])));
        assert_ne!(of_item(&item(&[("a", text("b"))])), of_item(&item(&[("b", text("a"))])));
    }
}
