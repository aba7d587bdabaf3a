//! The positions of pages in a snapshot.

use serde::{Deserialize, Serialize};

use super::{RecordKind, Unit, UnitId};

/// Pages of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    pub unit: UnitId,
    /// The attempt whose pages count.
    pub attempt: u32,
    /// The number of pages.
    pub pages: u64,
}

/// Pages numbered from 1 over several units in a row. The 16 units of a split listing read as one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pages(Vec<Span>);

impl Pages {
    pub fn of(unit: &Unit) -> Self {
        Self(vec![Span { unit: unit.id(), attempt: unit.attempt, pages: unit.pages }])
    }

    /// The pages of the users among `units`, in the order of the units.
    pub fn of_users<'a>(units: impl IntoIterator<Item = &'a Unit>) -> Self {
        let users =
            units.into_iter().filter(|unit| unit.listing.kind() == RecordKind::User && !unit.is_superseded());
        Self(users.flat_map(|unit| Self::of(unit).0).collect())
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|span| span.pages).sum()
    }

    /// The unit of page `number`, and the page's number in that unit. None after the last page.
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
    use crate::model::{Listing, PoolId, SubPrefix, UnitState};

    #[test]
    fn pages_are_numbered_across_units() {
        let unit = |listing, pages, state| {
            let unit = Unit::open(PoolId::parse("eu-west-1_A").unwrap(), listing);
            Unit { pages, state, ..unit }
        };
        let of_sub = |digit| Listing::UsersBySub { prefix: SubPrefix::ALL[digit] };
        let units = [
            unit(Listing::Users, 9, UnitState::Superseded),
            unit(of_sub(0), 2, UnitState::Done),
            unit(of_sub(1), 0, UnitState::Done),
            unit(of_sub(2), 1, UnitState::Done),
        ];
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
