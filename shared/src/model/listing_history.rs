//! What the snapshot before says about the pages of a listing: how large they can be, and with which `Limit` the listing
//! begins.

use std::collections::HashMap;

use super::{Listing, PageLimit, RecordKind, Unit, UnitId};

/// The listings of the snapshot before, if it has large users. As far as is known, Cognito lists a pool in the same
/// order every day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListingHistory {
    /// The bytes of the largest user.
    largest_user: u64,
    units: HashMap<UnitId, Pages>,
}

/// The pages of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pages {
    limit: PageLimit,
    /// An upper bound of the bytes of its pages.
    largest: u64,
    are_of_users: bool,
}

impl Pages {
    fn of(unit: &Unit) -> Self {
        Self {
            limit: unit.limit,
            largest: unit.largest_page.max(PageLimit::SMALL_PAGE_BYTES),
            are_of_users: unit.listing.kind() == RecordKind::User,
        }
    }

    /// How many of these pages a page of `limit` entries can reach into. If users left or came, all later pages are
    /// shifted, so one page more.
    fn reached_by(self, limit: PageLimit) -> u64 {
        u64::from(limit.get().div_ceil(self.limit.get())) + 1
    }
}

impl ListingHistory {
    /// Whether users of this size make pages that the history must bound.
    pub fn is_needed(largest_user: u64) -> bool {
        largest_user * u64::from(PageLimit::MAX.get()) > PageLimit::SMALL_PAGE_BYTES
    }

    /// The history of a snapshot whose largest user has `largest_user` bytes.
    pub fn new(largest_user: u64, units: &[Unit]) -> Self {
        let done = units.iter().filter(|unit| unit.is_done() && unit.listing.kind() != RecordKind::Group);
        Self { largest_user, units: done.map(|unit| (unit.id(), Pages::of(unit))).collect() }
    }

    /// Whether it says how `listing` begins.
    pub fn knows(&self, listing: &Listing) -> bool {
        self.least_limit(listing).is_some()
    }

    /// The most bytes of a page of `limit` entries, if users and order are as before. None if the snapshot before has no
    /// such listing.
    pub fn page_bytes(&self, listing: &Listing, limit: PageLimit) -> Option<usize> {
        let pages = self.units.get(&listing.unit_id())?;
        Some(pages.reached_by(limit).saturating_mul(pages.largest) as usize)
    }

    /// The limit with which `listing` begins: that of the snapshot before, or the greatest whose pages cannot exceed
    /// [`PageLimit::AIM_BYTES`]. So the limit is 60 again soon after the large users have left.
    pub fn limit(&self, listing: &Listing) -> PageLimit {
        let Some(least) = self.least_limit(listing) else { return PageLimit::MAX };
        let by_user = PageLimit::of_users(self.largest_user);
        let by_page = self.units.get(&listing.unit_id()).map_or(least, |pages| {
            let reached = (PageLimit::AIM_BYTES as u64 / pages.largest).saturating_sub(1);
            PageLimit::from((reached * u64::from(pages.limit.get())).clamp(1, 60) as u32)
        });
        least.max(by_user).max(by_page)
    }

    /// The limit of this listing before. A listing of users that was listed in another way before begins with the least
    /// limit of that way.
    fn least_limit(&self, listing: &Listing) -> Option<PageLimit> {
        let own = self.units.get(&listing.unit_id()).map(|pages| pages.limit);
        let of_users = || {
            let others = self.units.values().filter(|pages| pages.are_of_users);
            others.map(|pages| pages.limit).min()
        };
        own.or_else(|| if listing.kind() == RecordKind::User { of_users() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PoolId, SubPrefix, UnitState};

    fn history(largest_user: u64, listing: Listing, limit: u32, largest_page: u64) -> ListingHistory {
        let unit = Unit {
            state: UnitState::Done,
            limit: PageLimit::from(limit),
            largest_page,
            ..Unit::open(PoolId::parse("eu-west-1_A").unwrap(), listing)
        };
        ListingHistory::new(largest_user, &[unit])
    }

    fn users(largest_user: u64, limit: u32, largest_page: u64) -> ListingHistory {
        history(largest_user, Listing::Users, limit, largest_page)
    }

    #[test]
    fn a_listing_begins_with_its_last_limit_while_its_users_are_large() {
        let limit = |history: ListingHistory| history.limit(&Listing::Users).get();
        assert_eq!(limit(ListingHistory::default()), 60);
        assert_eq!(limit(users(410_000, 5, 2_050_000)), 5);
        // The large users have left.
        assert_eq!(limit(users(2_000, 5, 0)), 60);
        // One large user is on a page of its own.
        assert_eq!(limit(users(410_000, 5, 420_000)), 15);
        assert_eq!(limit(users(410_000, 15, 440_000)), 45);
        assert_eq!(limit(users(410_000, 45, 480_000)), 60);
        assert_eq!(limit(users(410_000, 60, 3_000_000)), 60, "it was 60 before");
    }

    #[test]
    fn listings_that_were_made_in_another_way_begin_with_the_least_limit() {
        let split = Listing::UsersBySub { prefix: SubPrefix::ALL[3] };
        assert_eq!(users(410_000, 5, 2_050_000).limit(&split).get(), 5);
        assert_eq!(history(410_000, split, 5, 2_050_000).limit(&Listing::Users).get(), 5);
        let members = Listing::Members { group: crate::model::GroupName::new("a") };
        assert!(!users(410_000, 5, 2_050_000).knows(&members));
        assert_eq!(users(410_000, 5, 2_050_000).limit(&members).get(), 60);
    }

    #[test]
    fn a_page_reaches_into_one_page_more_than_its_own() {
        let bytes = |limit: u32| users(410_000, 20, 1_000_000).page_bytes(&Listing::Users, limit.into());
        assert_eq!([bytes(20), bytes(21), bytes(60)], [Some(2_000_000), Some(3_000_000), Some(4_000_000)]);
        assert_eq!(users(1, 60, 0).page_bytes(&Listing::Groups, PageLimit::MAX), None);
    }
}
