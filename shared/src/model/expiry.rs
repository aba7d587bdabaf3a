//! How long the items of a restore are kept.
//!
//! The header of a restore expires first: a day before the oldest of its other items. So a restore is there as a
//! whole, or it is absent.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The days for which an item of a restore is kept after it was written.
pub const ITEM_DAYS: u32 = 90;
/// The days for which the header is kept after the restore began, or after its items were renewed.
const HEADER_DAYS: u32 = ITEM_DAYS - 1;
/// The age at which a restore that is at work renews its items, in days.
const RENEWED_AFTER_DAYS: u32 = 45;

/// The time from which an item counts as absent, in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExpiresAt(i64);

impl ExpiresAt {
    /// This many seconds after the beginning of 1970.
    pub fn at_second(seconds: i64) -> Self {
        Self(seconds)
    }

    /// This many days after `time`.
    pub fn after_days(time: Timestamp, days: u32) -> Self {
        Self(time.as_second() + days_long(days).as_secs())
    }

    /// When an item of a restore expires that is written now.
    pub fn of_item(now: Timestamp) -> Self {
        Self::after_days(now, ITEM_DAYS)
    }

    /// When the header of a restore expires whose items were all written since `since`.
    pub fn of_header(since: Timestamp) -> Self {
        Self::after_days(since, HEADER_DAYS)
    }

    /// Seconds since the beginning of 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Whether the time has come.
    pub fn has_passed(self, now: Timestamp) -> bool {
        self.0 <= now.as_second()
    }

    /// Whether a restore that is at work renews its items, if this is when its header expires.
    pub fn is_renewal_due(self, now: Timestamp) -> bool {
        self.0 - days_long(HEADER_DAYS - RENEWED_AFTER_DAYS).as_secs() <= now.as_second()
    }
}

fn days_long(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

/// The checkpoint of a renewal of all items of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewal {
    /// The number of checkpoints, also those of earlier renewals.
    pub step: u64,
    /// When the renewal began. At its end, all items were written or renewed since then.
    pub since: Timestamp,
    /// The sort key of the last item that was renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How long sub maps were kept when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_map_retention: Option<SubMapRetention>,
    pub done: bool,
}

/// The days for which the sub maps of restores are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubMapRetention(u32);

impl SubMapRetention {
    /// The fewest days. A restore needs its sub map as long as an import may continue it.
    pub const MIN: u32 = ITEM_DAYS;
    /// The most days: ten years.
    pub const MAX: u32 = 3650;

    /// Reads the number of days.
    ///
    /// # Errors
    /// `InvalidInput` if it is no whole number from [`Self::MIN`] to [`Self::MAX`].
    pub fn parse(text: &str) -> Result<Self> {
        let days = text.trim().parse().ok().filter(|days| (Self::MIN..=Self::MAX).contains(days));
        days.map(Self).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "The retention of sub maps is not allowed.",
                format!("Use a whole number of days from {} to {}.", Self::MIN, Self::MAX),
            )
        })
    }

    /// When an entry of a sub map expires that is written now.
    pub fn expiry(self, now: Timestamp) -> ExpiresAt {
        ExpiresAt::after_days(now, self.0)
    }

    /// When the header of a sub map expires, a day before its oldest entry. `header` is when the header of the
    /// restore expires.
    pub fn header_expiry(self, ExpiresAt(header): ExpiresAt) -> ExpiresAt {
        ExpiresAt(header + days_long(self.0 - Self::MIN).as_secs())
    }
}

impl fmt::Display for SubMapRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long an import keeps the sub map of its restore, as its input says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubMapLifetime {
    /// As the deployment says.
    #[default]
    OfDeployment,
    /// For so many days.
    Days(SubMapRetention),
    /// Without end.
    Forever,
}

impl SubMapLifetime {
    pub(super) fn is_of_deployment(&self) -> bool {
        *self == Self::OfDeployment
    }

    /// The word for [`Self::Forever`].
    pub const FOREVER: &str = "forever";

    /// The retention of the restore, given that of the deployment. None if the sub map is kept without end.
    pub fn retention(self, of_deployment: Option<SubMapRetention>) -> Option<SubMapRetention> {
        match self {
            Self::OfDeployment => of_deployment,
            Self::Days(retention) => Some(retention),
            Self::Forever => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_header_expires_a_day_before_the_items_that_were_written_first() {
        let began = at("2026-01-01T00:00:00.9Z");
        let (header, item) = (ExpiresAt::of_header(began), ExpiresAt::of_item(began));
        assert_eq!(item.seconds() - header.seconds(), 24 * 3600);
        let passed = |now| (header.has_passed(at(now)), item.has_passed(at(now)));
        assert_eq!(passed("2026-03-30T23:59:59.9Z"), (false, false));
        assert_eq!(passed("2026-03-31T00:00:00Z"), (true, false));
        assert_eq!(passed("2026-04-01T00:00:00Z"), (true, true));
    }

    #[test]
    fn a_renewal_is_due_45_days_after_the_restore_began() {
        let header = ExpiresAt::of_header(at("2026-01-01T00:00:00Z"));
        assert!(!header.is_renewal_due(at("2026-02-14T23:59:59Z")));
        assert!(header.is_renewal_due(at("2026-02-15T00:00:00Z")));
    }

    #[test]
    fn the_header_of_a_sub_map_expires_a_day_before_its_oldest_entry() {
        let began = at("2026-01-01T00:00:00Z");
        for days in [90, 91, 365, 3650] {
            let retention = SubMapRetention(days);
            let header = retention.header_expiry(ExpiresAt::of_header(began));
            assert_eq!(retention.expiry(began).seconds() - header.seconds(), 24 * 3600, "{days}");
        }
    }

    #[test]
    fn a_sub_map_is_kept_for_90_days_to_10_years() {
        let days = |text| SubMapRetention::parse(text).map(|retention| retention.to_string()).ok();
        assert_eq!([days("90"), days(" 3650 ")], [Some("90".to_owned()), Some("3650".to_owned())]);
        for wrong in ["", "0", "-1", "89", "3651", "90.5", "90 days", "forever", "99999999999"] {
            let error = SubMapRetention::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
        }
    }
}
