//! Where the pages of a snapshot's users, or of any other part of it, are.

use serde::{Deserialize, Serialize};

use super::{RecordKind, Unit, UnitId};

/// Pages of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// The unit.
    pub unit: UnitId,
    /// The attempt whose pages count.
    pub attempt: u32,
    /// How many pages there are.
    pub pages: u64,
}

/// Pages numbered through from 1, although they may be those of several units that follow one another: users that were listed by
/// several listings at once are one list to whoever reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pages(Vec<Span>);

impl Pages {
    /// The pages of one unit.
    pub fn of(unit: &Unit) -> Self {
        Self(vec![Span { unit: unit.id(), attempt: unit.attempt, pages: unit.pages }])
    }

    /// The pages of the users among `units`, in the order of the units.
    pub fn of_users<'a>(units: impl IntoIterator<Item = &'a Unit>) -> Self {
        let users = units.into_iter().filter(|unit| unit.listing.kind() == RecordKind::User && !unit.superseded);
        Self(users.flat_map(|unit| Self::of(unit).0).collect())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|span| span.pages).sum()
    }

    /// The unit that page `number` is in, and its number there; none beyond the last.
    pub fn locate(&self, number: u64) -> Option<(&Span, u64)> {
        let mut before = 0;
        for span in &self.0 {
            if number > before && number <= before + span.pages {
                return Some((span, number - before));
            }
            before += span.pages;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Listing, PoolId, SubPrefix};

    #[test]
    fn pages_are_numbered_through() {
        let unit = |listing, pages, superseded| {
            let unit = Unit::open(PoolId::parse("eu-west-1_A").unwrap(), listing);
            Unit { pages, superseded, done: true, ..unit }
        };
        let of_sub = |digit| Listing::UsersBySub { prefix: SubPrefix::ALL[digit] };
        let units =
            [unit(Listing::Users, 9, true), unit(of_sub(0), 2, false), unit(of_sub(1), 0, false), unit(of_sub(2), 1, false)];
        let pages = Pages::of_users(&units);
        assert_eq!(pages.count(), 3);
        let located = |number| pages.locate(number).map(|(span, number)| (span.unit.to_string(), number));
        assert_eq!(located(0), None);
        assert_eq!(located(1), Some(("users-0".to_owned(), 1)));
        assert_eq!(located(2), Some(("users-0".to_owned(), 2)));
        assert_eq!(located(3), Some(("users-2".to_owned(), 1)));
        assert_eq!(located(4), None);
    }
}
