//! Plans of small captures. The tests that send the requests of a plan are in `tests/steps/configuration`.
//!
//! | file | what it tests |
//! |---|---|
//! | [`clients`] | app clients |
//! | [`supplied`] | the map |
//! | [`elsewhere`] | another account or Region |

mod clients;
mod elsewhere;
mod supplied;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{
    CapturedEntry, CapturedList, CapturedObject, CapturedSecret, NotCaptured, NotCapturedReason, ObjectName,
    Uncaptured,
};
use super::*;

const ACCOUNT: &str = "111111111111";
const OTHER_ACCOUNT: &str = "222222222222";
const SECRET: &str = "planted0secret0of0a0client0";

fn home(account: &str, region: &str) -> Home {
    Home { account: account.to_owned(), region: region.to_owned() }
}

/// A capture, its list, the map and the home of the new pool.
struct Case {
    list: CapturedList,
    objects: Vec<CapturedObject>,
    map: SuppliedMap,
    to: Home,
}

impl Case {
    /// A pool with these objects, which is created again in its account and Region.
    fn of(objects: &[(&str, Value)]) -> Self {
        let pool = json!({"Arn": format!("arn:aws:cognito-idp:eu-west-1:{ACCOUNT}:userpool/eu-west-1_A")});
        let mut all = vec![object("userPool", pool)];
        for (name, document) in objects {
            if *name == "userPool" {
                all[0].document.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
            } else {
                all.push(object(name, document.clone()));
            }
        }
        let list = CapturedList::new(all.iter().map(entry).collect(), Vec::new());
        Self { list, objects: all, map: SuppliedMap::default(), to: home(ACCOUNT, "eu-west-1") }
    }

    fn in_other_account(mut self) -> Self {
        self.to = home(OTHER_ACCOUNT, "eu-west-1");
        self
    }

    fn with_secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        self.map.secrets = SuppliedSecrets::new(map(secrets));
        self
    }

    fn lacking(mut self, notes: &[(&str, &str, NotCapturedReason)]) -> Self {
        let note = |&(object, member, ref reason): &(&str, &str, NotCapturedReason)| {
            let note = NotCaptured::new(Uncaptured::parse(object).unwrap(), reason.clone());
            NotCaptured { member: (!member.is_empty()).then(|| member.to_owned()), ..note }
        };
        self.list = CapturedList::new(self.list.entries().to_vec(), notes.iter().map(note).collect());
        self
    }

    /// The entry of an object says this.
    fn with_entry(mut self, name: &str, change: impl FnOnce(&mut CapturedEntry)) -> Self {
        let mut entries = self.list.entries().to_vec();
        change(entries.iter_mut().find(|entry| entry.name.to_string() == name).unwrap());
        self.list = CapturedList::new(entries, self.list.not_captured().to_vec());
        self
    }

    fn with_domains(mut self, domains: &[(&str, &str)]) -> Self {
        self.map.rewrites.domains = map(domains);
        self
    }

    fn with_arns(mut self, arns: &[(&str, &str)]) -> Self {
        self.map.rewrites.arns = map(arns);
        self
    }

    fn plan(&self) -> Result<RebuildPlan, PlanRefusal> {
        plan(&self.list, &self.objects, &self.map, &self.to)
    }
}

fn object(name: &str, document: Value) -> CapturedObject {
    CapturedObject { name: ObjectName::parse(name).unwrap(), document }
}

fn entry(object: &CapturedObject) -> CapturedEntry {
    CapturedEntry {
        name: object.name.clone(),
        digest: object.digest(),
        assets: Vec::new(),
        secrets: Vec::new(),
        secrets_left_out: 0,
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
}

/// What a plan leaves out: `object field`, and the reason.
fn left_out(plan: &RebuildPlan) -> Vec<(String, LeftReason)> {
    let name = |left: &LeftOut| match &left.field {
        Some(field) => format!("{} {field}", left.object),
        None => left.object.clone(),
    };
    plan.left_out.iter().map(|left| (name(left), left.reason)).collect()
}

/// The document of the step that makes an object.
fn made<'a>(plan: &'a RebuildPlan, name: &str) -> &'a Value {
    let step = plan.steps.iter().find(|step| step.name.to_string() == name);
    step.unwrap_or_else(|| panic!("no step makes {name}")).reveal()
}

#[test]
fn a_plan_shows_no_secret() {
    let google = json!({"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {}});
    let case = Case::of(&[("identityProviders/Google", google)]);
    let case = case.with_secrets(&[("identityProviders/Google", "planted")]);
    let plan = case.plan().unwrap();
    assert_eq!(made(&plan, "identityProviders/Google")["ProviderDetails"]["client_secret"], "planted");
    assert!(!format!("{plan:?}").contains("planted"), "{plan:?}");
}

/// An encrypted member.
fn encrypted(member: &str) -> CapturedSecret {
    let record = object("mfa", json!({})).digest();
    let (mac, mac_key) = ("mac".to_owned(), "mrk-1".to_owned());
    CapturedSecret { member: member.to_owned(), place: format!("/{member}"), mac, mac_key, record }
}

fn names(left: &[(&str, LeftReason)]) -> Vec<(String, LeftReason)> {
    left.iter().map(|(name, reason)| ((*name).to_owned(), *reason)).collect()
}

#[test]
fn what_the_snapshot_lacks_is_left_out_also_if_no_earlier_snapshot_has_it() {
    use NotCapturedReason::{AccessDenied, AddOnOff, NotEncrypted, NotRead, UnknownMember};
    let web = json!({"ClientId": "1", "ClientName": "web"});
    let case = Case::of(&[("clients/1", web)]).with_entry("userPool", |entry| {
        entry.secrets.push(encrypted("NewMember"));
    });
    let case = case.with_entry("clients/1", |entry| entry.secrets_left_out = 1);
    let mut case = case.lacking(&[
        ("mfa", "", AccessDenied),
        ("identityProviders", "", AccessDenied),
        ("clients/1", "Items[].NewMember", UnknownMember),
        ("clients/1", "ClientSecret", NotEncrypted),
        ("uiCustomizations/ALL", "ImageFile", NotRead),
        ("webAcl", "", NotRead),
        ("riskConfigurations", "", AddOnOff),
        ("signingCertificate", "", AccessDenied),
    ]);
    let mut list = serde_json::to_value(&case.list).unwrap();
    let of_later_version = json!({"name": "newKind/1", "digest": list["entries"][0]["digest"]});
    list["entries"].as_array_mut().unwrap().push(of_later_version);
    case.list = serde_json::from_value(list).unwrap();
    let expected = [
        ("clients/web ClientSecret", LeftReason::SecretMissing),
        ("clients/web Items.NewMember", LeftReason::NotCaptured),
        ("identityProviders", LeftReason::NotCaptured),
        ("mfa", LeftReason::NotCaptured),
        ("newKind/1", LeftReason::Unknown),
        ("signingCertificate", LeftReason::NewInEachPool),
        ("uiCustomizations/ALL ImageFile", LeftReason::NotCaptured),
        ("userPool NewMember", LeftReason::Unknown),
    ];
    assert_eq!(left_out(&case.plan().unwrap()), names(&expected));
}

#[test]
fn a_lacking_member_is_named_once_and_a_new_certificate_is_no_loss() {
    let case = Case::of(&[("signingCertificate", json!({"Certificate": "x"}))]);
    let case = case.lacking(&[("mfa", "NewMember", NotCapturedReason::UnknownMember)]);
    let expected =
        [("mfa NewMember", LeftReason::NotCaptured), ("signingCertificate", LeftReason::NewInEachPool)];
    assert_eq!(left_out(&case.plan().unwrap()), names(&expected));
}

#[test]
fn triggers_wait_for_the_end_and_a_pool_without_any_has_none_to_set() {
    let lambda = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:a");
    let pool = json!({"LambdaConfig": {"PreSignUp": lambda}, "DeletionProtection": "ACTIVE"});
    let plan = Case::of(&[("userPool", pool)]).plan().unwrap();
    assert_eq!((&plan.triggers, plan.is_protected), (&json!({"PreSignUp": lambda}), true));
    assert_eq!(made(&plan, "userPool").get("LambdaConfig"), None);
    assert_eq!(made(&plan, "userPool")["DeletionProtection"], "INACTIVE");
    let plan = Case::of(&[]).plan().unwrap();
    assert_eq!((&plan.triggers, plan.is_protected), (&json!({}), false));
}
