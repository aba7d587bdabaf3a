//! Plans of small captures. The tests that send the requests of a plan are in `tests/steps/configuration`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{CapturedEntry, CapturedList, CapturedObject, ObjectName};
use super::*;

const ACCOUNT: &str = "111111111111";
const OTHER_ACCOUNT: &str = "222222222222";

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
