//! Cognito's request quotas: the calls per second of a category that an account and Region has, over all of
//! its pools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Tps;
use crate::{Error, ErrorKind, Guidance};

/// Cognito's request quota categories.
/// Source: "Quotas in Amazon Cognito", developer guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are Cognito's own")]
pub enum Category {
    UserCreation,
    UserRead,
    UserList,
    UserUpdate,
    UserAccountRecovery,
    UserPoolRead,
    UserPoolUpdate,
    UserPoolResourceRead,
    UserPoolResourceUpdate,
    UserPoolClientRead,
    UserPoolClientUpdate,
    UserResourceRead,
    UserResourceUpdate,
}

impl Category {
    /// The categories that the runs of the project draw on.
    pub const ALL: [Self; 12] = [
        Self::UserCreation,
        Self::UserRead,
        Self::UserList,
        Self::UserUpdate,
        Self::UserAccountRecovery,
        Self::UserPoolRead,
        Self::UserPoolUpdate,
        Self::UserPoolResourceRead,
        Self::UserPoolResourceUpdate,
        Self::UserPoolClientRead,
        Self::UserResourceRead,
        Self::UserResourceUpdate,
    ];

    /// Calls per second, unless AWS raised the quota for the account.
    pub const fn default_quota(self) -> u32 {
        match self {
            Self::UserCreation | Self::UserResourceRead => 50,
            Self::UserRead => 120,
            Self::UserList | Self::UserAccountRecovery => 30,
            Self::UserUpdate | Self::UserResourceUpdate => 25,
            Self::UserPoolResourceRead => 20,
            Self::UserPoolRead
            | Self::UserPoolUpdate
            | Self::UserPoolResourceUpdate
            | Self::UserPoolClientRead
            | Self::UserPoolClientUpdate => 15,
        }
    }

    /// The second quota: calls per second of each operation on each pool. AWS does not raise it. None if
    /// the category has no such quota.
    pub const fn quota_of_an_operation(self) -> Option<u32> {
        match self {
            Self::UserPoolResourceRead
            | Self::UserPoolResourceUpdate
            | Self::UserPoolClientRead
            | Self::UserPoolClientUpdate => Some(5),
            _ => None,
        }
    }

    /// The name, as Cognito spells it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The category of this name, as Cognito spells it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    /// The category whose name equals the text except for case, hyphens and underscores.
    fn similar(text: &str) -> Option<Self> {
        let bare = |name: &str| name.replace(['-', '_'], "").to_lowercase();
        Self::ALL.into_iter().find(|category| bare(&category.name()) == bare(text))
    }
}

/// The share of every quota that is left to other clients, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Headroom(u32);

impl Headroom {
    /// In percent.
    pub const MAX: u32 = 90;

    /// Parses a whole number of percent from an environment variable.
    ///
    /// # Errors
    /// `InvalidInput` unless it is from 0 to [`MAX`](Self::MAX).
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.trim().parse() {
            Ok(percent) if percent <= Self::MAX => Ok(Self(percent)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "The headroom is no percentage.",
                format!("Give a whole number of percent from 0 to {}.", Self::MAX),
            )),
        }
    }

    /// A quota without the headroom, at least 1 call per second.
    pub fn within(self, quota: u32) -> u32 {
        (u64::from(quota) * u64::from(100 - self.0) / 100).max(1) as u32
    }
}

/// The ceilings of a run: the most calls per second that it makes in one category.
///
/// A category without a ceiling is limited by the TPS alone. If Cognito throttles it, it slows down.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ceilings(BTreeMap<Category, u32>);

impl Ceilings {
    /// Reads `tpsByCategory` of an input: an object with calls per second by category.
    ///
    /// # Errors
    /// `InvalidInput` if a name is no category, or a value is no limit.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let fields =
            value.as_object().ok_or_else(|| Self::refuse("tpsByCategory is no JSON object.".to_owned()))?;
        let ceiling = |(place, (name, value)): (usize, (&String, &Value))| {
            let category = Category::named(name).ok_or_else(|| {
                let place = place + 1;
                Self::refuse_name(&format!("tpsByCategory: name {place}, in the order of the names,"), name)
            })?;
            match value.as_i64().and_then(|tps| Tps::new(tps).ok()) {
                Some(tps) => Ok((category, tps.get())),
                None => Err(Self::refuse_limit("tpsByCategory: the limit", category)),
            }
        };
        fields.iter().enumerate().map(ceiling).collect::<Result<_, _>>().map(Self)
    }

    /// The error for a name that is no category. `what` names the place of the name, or shows it.
    pub fn refuse_name(what: &str, name: &str) -> Error {
        let similar = Category::similar(name)
            .map(|category| format!(" It may stand for {}.", category.name()))
            .unwrap_or_default();
        Self::refuse(format!("{what} is no category of Cognito.{similar}"))
    }

    /// The error for a wrong limit of a category. It does not show the value. `what` says which limit it is.
    pub fn refuse_limit(what: &str, category: Category) -> Error {
        let name = category.name();
        let message = format!("{what} of category {name} is no whole number from 1 to {}.", Tps::MAX);
        let guidance =
            format!("Give the calls per second of the category, such as {}.", category.default_quota());
        Error::new(ErrorKind::InvalidInput, message, guidance)
    }

    /// The error for limits that cannot be read. Its guidance names the categories.
    pub fn refuse(what: String) -> Error {
        let names: Vec<_> = Category::ALL.iter().map(|category| category.name()).collect();
        let guidance = Guidance::LimitCategories { categories: names.join(", "), max: Tps::MAX };
        Error::new(ErrorKind::InvalidInput, what, guidance)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn set(&mut self, category: Category, calls_per_second: u32) {
        self.0.insert(category, calls_per_second.max(1));
    }

    /// The ceiling of a category, in calls per second.
    pub fn of(&self, category: Category) -> Option<u32> {
        self.0.get(&category).copied()
    }

    /// The rate of a category: `min(tps, ceiling)`.
    pub fn rate(&self, category: Category, tps: Tps) -> u32 {
        self.of(category).unwrap_or(u32::MAX).min(tps.get())
    }

    /// The rate of the slowest of some categories.
    pub fn slowest(&self, categories: impl IntoIterator<Item = Category>, tps: Tps) -> u32 {
        categories.into_iter().map(|category| self.rate(category, tps)).min().unwrap_or(tps.get())
    }

    /// The least time for these calls, in seconds: `max(all calls / tps, calls / ceiling of each
    /// category)`.
    pub fn seconds(&self, calls: &BTreeMap<Category, u64>, tps: Tps) -> f64 {
        let of_category = |(category, calls): (&Category, &u64)| {
            let ceiling = self.of(*category)?;
            let rate = category.quota_of_an_operation().map_or(ceiling, |quota| quota.min(ceiling));
            Some(*calls as f64 / f64::from(rate))
        };
        let in_all = calls.values().sum::<u64>() as f64 / f64::from(tps.get());
        calls.iter().filter_map(of_category).fold(in_all, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::cause;

    #[test]
    fn ceilings_are_an_object_by_category() {
        let ceilings = Ceilings::parse(&json!({"UserCreation": 40, "UserList": 200})).unwrap();
        let of = |category| ceilings.of(category);
        assert_eq!(
            (of(Category::UserCreation), of(Category::UserList), of(Category::UserUpdate)),
            (Some(40), Some(200), None)
        );
        let text = serde_json::to_value(&ceilings).unwrap();
        assert_eq!(text, json!({"UserCreation": 40, "UserList": 200}));
        assert_eq!(serde_json::from_value::<Ceilings>(text).unwrap(), ceilings);
    }

    #[test]
    fn wrong_ceilings_are_refused_with_what_is_allowed() {
        for (wrong, says) in [
            (json!(40), "UserCreation, UserRead"),
            (json!({"SignUp": 4}), "UserCreation, UserRead"),
            (json!({"UserList": 0}), "such as 30."),
            (json!({"UserList": 201}), "such as 30."),
            (json!({"UserList": "5"}), "such as 30."),
        ] {
            let refused = cause(&Ceilings::parse(&wrong).unwrap_err());
            assert!(refused.contains(says) && refused.contains("from 1 to 200"), "{refused}");
        }
    }

    #[test]
    fn a_wrong_ceiling_is_named_by_its_category_and_no_value_is_repeated() {
        for (wrong, says) in [
            (
                json!({"UserList": 5, "secret": 4}),
                "tpsByCategory: name 2, in the order of the names, is no category of Cognito.",
            ),
            (json!({"user_creation": 4}), "is no category of Cognito. It may stand for UserCreation."),
            (
                json!({"UserList": "secret"}),
                "tpsByCategory: the limit of category UserList is no whole number from 1 to 200.",
            ),
        ] {
            let refused = cause(&Ceilings::parse(&wrong).unwrap_err());
            assert!(refused.contains(says) && !refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn headroom_leaves_a_share_of_a_quota_to_other_clients() {
        let within = |percent: &str, quota| Headroom::parse(percent).unwrap().within(quota);
        assert_eq!((within("0", 30), within(" 10 ", 30), within("10", 25), within("90", 5)), (30, 27, 22, 1));
        for wrong in ["91", "-1", "ten", "", "1.5"] {
            assert!(cause(&Headroom::parse(wrong).unwrap_err()).contains("from 0 to 90"), "{wrong}");
        }
    }

    #[test]
    fn the_slowest_category_or_the_sum_of_all_calls_decides_the_time() {
        let calls = [(Category::UserCreation, 900), (Category::UserAccountRecovery, 900)].into();
        let ceilings = Ceilings::parse(&json!({"UserAccountRecovery": 30})).unwrap();
        let seconds = |ceilings: &Ceilings, tps| ceilings.seconds(&calls, Tps::new(tps).unwrap());
        assert_eq!(
            (seconds(&ceilings, 10), seconds(&ceilings, 200), seconds(&Ceilings::default(), 200)),
            (180.0, 30.0, 9.0)
        );
        assert_eq!(Ceilings::default().seconds(&BTreeMap::new(), Tps::DEFAULT), 0.0);
        let groups = [(Category::UserPoolResourceUpdate, 100)].into();
        let ceilings = Ceilings::parse(&json!({"UserPoolResourceUpdate": 15})).unwrap();
        assert_eq!(ceilings.seconds(&groups, Tps::new(200).unwrap()), 20.0);
    }
}
