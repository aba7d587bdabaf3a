//! What a roll back does while Cognito answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::{Catalog, LeaseKey};
use shared::model::configuration::apply::{Allow, ApplyChoices, ApplyReason};
use shared::model::{Lease, RunKind};
use shared::operations::apply::AfterReason;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::MemoryPool;

use super::{
    answers, apply, carry_out, client_id, clients, drift, drift_all, drifted, everything, found, left, names,
    plan_of, rich, shows_secret, snapshot_of, writes,
};
use crate::support::{in_paused_time, source_id};

#[test]
fn twelve_changes_are_named_exactly_and_rolled_back_and_nothing_else_is_touched() {
    for resets in [true, false] {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            source.configure_configuration(|settings| settings.resets_undocumented = resets);
            let before: BTreeMap<String, Value> = answers(&backend).await.into_iter().collect();
            tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
            drift_all(&source);
            let plan = plan_of(&backend, &snapshot, &everything()).await;
            assert_eq!(found(&plan), drifted());
            assert_eq!(plan.left, []);
            let shown = format!("{plan:?}{}{}", json!(plan.steps), json!(plan.left));
            assert!(!shows_secret(&shown), "{shown}");

            let from = backend.script().log().len();
            let applied = carry_out(&backend, &plan, &snapshot, &everything()).await.unwrap();
            assert_eq!(left(&applied), Vec::<String>::new(), "{resets}");
            assert_eq!(applied.done.len(), plan.steps.len());
            assert!(!shows_secret(&format!("{applied:?}{}", json!(applied))));
            assert!(!writes(&backend, from).contains(&"CreateUserPoolClient"));
            for (name, now) in answers(&backend).await {
                let is_changed = plan.steps.iter().any(|step| step.name.to_string() == name);
                // Setting the factors is a change of the pool itself.
                if !is_changed && name != "userPool" {
                    assert_eq!(Some(&now), before.get(&name), "{name} was touched");
                }
            }

            let from = backend.script().log().len();
            let again = apply(&backend, &snapshot, &everything()).await.unwrap();
            assert_eq!((again.done, again.left, writes(&backend, from)), (vec![], vec![], vec![]));
        });
    }
}

#[test]
fn each_change_is_rolled_back_alone() {
    for (expected, change) in drift() {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            change(&source);
            let plan = plan_of(&backend, &snapshot, &everything()).await;
            let mut expected: Vec<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            expected.sort();
            assert_eq!(found(&plan), expected);
            let applied = carry_out(&backend, &plan, &snapshot, &everything()).await.unwrap();
            assert_eq!((applied.done.len(), left(&applied)), (1, vec![]), "{expected:?}");
        });
    }
}

#[test]
fn what_is_not_asked_for_stays_and_is_listed() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        let choices = ApplyChoices::default();
        let applied = apply(&backend, &snapshot, &choices).await.unwrap();
        let reasons: Vec<_> = applied
            .left
            .iter()
            .map(|left| (names([&left.difference]).remove(0), left.reason.clone()))
            .collect();
        let planned = AfterReason::Planned;
        assert_eq!(
            reasons,
            [
                ("mfa MfaConfiguration".to_owned(), planned(ApplyReason::NeedsAllow(Allow::MfaOff))),
                (
                    "mfa SoftwareTokenMfaConfiguration.Enabled".to_owned(),
                    planned(ApplyReason::NeedsAllow(Allow::MfaOff))
                ),
                ("clients/added -".to_owned(), planned(ApplyReason::NeedsDeleteExtra)),
            ]
        );
        let from = backend.script().log().len();
        assert_eq!(apply(&backend, &snapshot, &choices).await.unwrap().done, []);
        assert_eq!(writes(&backend, from), Vec::<&str>::new());
    });
}

#[test]
fn a_deleted_client_returns_with_its_objects_and_its_secret_under_a_new_id_and_without_a_twin() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        let old = client_id(&source, "web");
        for name in ["web", "server"] {
            source
                .change_configuration("DeleteUserPoolClient", json!({"ClientId": client_id(&source, name)}));
        }
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        let new = client_id(&source, "web");
        assert_eq!(applied.clients.get(&old), Some(&new));
        assert_eq!(left(&applied), ["clients/server ClientId", "clients/web ClientId"]);
        let style =
            source.change_configuration("DescribeManagedLoginBrandingByClient", json!({"ClientId": new}));
        assert_eq!(style["ManagedLoginBranding"]["Settings"]["components"]["radius"], 8);
        assert_eq!(clients(&source), 3);
        let again = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!((again.done, clients(&source)), (vec![], 3));
    });
}

#[test]
fn a_pool_that_changed_since_the_plan_is_left_and_the_error_lists_what_was_done() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        let plan = plan_of(&backend, &snapshot, &everything()).await;
        let css = json!({"CSS": ".label-customizable {color: green;}"});
        source.change_configuration("SetUICustomization", css.clone());
        let stopped = carry_out(&backend, &plan, &snapshot, &everything()).await.unwrap_err();
        assert_eq!(stopped.error.kind(), ErrorKind::Overtaken, "{}", stopped.error);
        let text = stopped.error.to_string();
        assert!(text.contains("uiCustomizations/ALL"), "{text}");
        assert!(stopped.applied.done.iter().any(|step| step.label == "clients/web"));
        let shown = source.change_configuration("GetUICustomization", json!({}));
        assert_eq!(shown["UICustomization"]["CSS"], css["CSS"], "the new change is not overwritten");
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!(left(&applied), Vec::<String>::new());
    });
}

#[test]
fn a_tag_of_this_program_that_came_after_the_plan_stays() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        source.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
        let plan = plan_of(&backend, &snapshot, &everything()).await;
        // TagResource changes no date.
        let live = source.change_configuration("DescribeUserPool", json!({}));
        let tag = json!({"ResourceArn": live["UserPool"]["Arn"], "Tags": {"cognito-backup": "repair"}});
        source.change_configuration("TagResource", tag);
        let applied = carry_out(&backend, &plan, &snapshot, &everything()).await;
        let live = source.change_configuration("DescribeUserPool", json!({}));
        let tags = &live["UserPool"]["UserPoolTags"];
        assert_eq!(tags, &json!({"team": "login", "cognito-backup": "repair"}), "{applied:?}");
    });
}

#[test]
fn a_change_to_and_fro_is_seen_by_its_date() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        let css = |color: &str| json!({"CSS": format!(".label-customizable {{color: {color};}}")});
        source.change_configuration("SetUICustomization", css("blue"));
        let plan = plan_of(&backend, &snapshot, &everything()).await;
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        for color in ["green", "blue"] {
            source.change_configuration("SetUICustomization", css(color));
        }
        let from = backend.script().log().len();
        let stopped = carry_out(&backend, &plan, &snapshot, &everything()).await.unwrap_err();
        assert_eq!((stopped.error.kind(), writes(&backend, from)), (ErrorKind::Overtaken, vec![]));
        assert!(!stopped.applied.has_sent);
    });
}

#[test]
fn nothing_is_changed_while_an_import_or_a_recovery_works_on_the_pool() {
    type Begin = fn(&MemoryPool);
    let works: [(Begin, Begin); 1] =
        [(|pool| pool.set_recovery_running(true), |pool| pool.set_recovery_running(false))];
    for (begin, end) in works {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_all(&source);
            begin(&source);
            let from = backend.script().log().len();
            let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
            assert_eq!(stopped.error.kind(), ErrorKind::ImportAlreadyRunning, "{}", stopped.error);
            assert_eq!(writes(&backend, from), Vec::<&str>::new());
            end(&source);
            apply(&backend, &snapshot, &everything()).await.unwrap();
        });
    }
    for status in ["Pending", "InProgress", "Stopping", "Created", "Succeeded"] {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_all(&source);
            backend.script().alter(Operation::ListUserImportJobs, move |answer| {
                answer["UserImportJobs"] =
                    json!([{"JobId": "1", "Status": "Failed"}, {"JobId": "2", "Status": status}]);
            });
            let is_refused = apply(&backend, &snapshot, &everything()).await.is_err();
            assert_eq!(is_refused, !["Created", "Succeeded"].contains(&status), "{status}");
        });
    }
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        let now = backend.clock().now();
        let catalog = Catalog::new(backend.vault());
        let lease = Lease::with_duration(jiff::SignedDuration::from_mins(5), "arn:aws:states:import", now);
        let key = LeaseKey::of_pool(&source_id(), RunKind::Import);
        catalog.take_lease(&key, &lease, false, now).await.unwrap();
        let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
        assert_eq!(stopped.error.kind(), ErrorKind::ImportAlreadyRunning);
    });
}

#[test]
fn the_stack_that_manages_the_pool_is_named() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        source.add_service_tag("aws:cloudformation:stack-name", "login");
        let plan = plan_of(&backend, &snapshot, &everything()).await;
        assert_eq!((plan.stack.as_deref(), found(&plan)), (Some("login"), vec![]));
    });
}

#[test]
fn a_provider_keeps_the_secret_that_only_cognito_knows() {
    in_paused_time(async {
        let (backend, source, mut snapshot) = snapshot_of(rich).await;
        for object in
            snapshot.objects.iter_mut().filter(|object| object.name.to_string() == "identityProviders/Google")
        {
            object.document["ProviderDetails"].as_object_mut().unwrap().remove("client_secret");
        }
        let (_, change) = &drift()[5];
        change(&source);
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!(left(&applied), Vec::<String>::new());
        let live = source.change_configuration("DescribeIdentityProvider", json!({"ProviderName": "Google"}));
        assert_eq!(live["IdentityProvider"]["ProviderDetails"]["client_secret"], "planted0by0hand");
        assert_eq!(live["IdentityProvider"]["AttributeMapping"].get("name"), None);
    });
}

#[test]
fn a_client_of_the_owner_that_names_a_lost_provider_gets_the_rest() {
    in_paused_time(async {
        let (backend, source, mut snapshot) = snapshot_of(rich).await;
        for object in
            snapshot.objects.iter_mut().filter(|object| object.name.to_string() == "identityProviders/Google")
        {
            object.document["ProviderDetails"].as_object_mut().unwrap().remove("client_secret");
        }
        let (_, change) = &drift()[2];
        change(&source);
        source.change_configuration("DeleteIdentityProvider", json!({"ProviderName": "Google"}));
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        let web = source
            .change_configuration("DescribeUserPoolClient", json!({"ClientId": client_id(&source, "web")}));
        assert_eq!(
            web["UserPoolClient"]["CallbackURLs"],
            json!(["https://a.example.com", "https://b.example.com"])
        );
        assert!(left(&applied).contains(&"identityProviders/Google -".to_owned()), "{:?}", left(&applied));
        let again = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!(again.done, []);
    });
}
