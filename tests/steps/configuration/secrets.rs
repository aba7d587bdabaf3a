//! Goal: the secrets of a configuration are kept encrypted, and appear in clear nowhere.
//!
//! Method: exports with KMS in memory, which is strict and refuses on order. Then a search for the secrets in all that
//! was stored and said, and their decryption by the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::{Catalog, ConfigurationKind};
use shared::model::configuration::difference::{ClientMap, NotComparedReason, compare};
use shared::model::configuration::{ConfigurationKeys, ObjectKind};
use shared::model::{RunId, SnapshotSelector};
use shared::operations::copy::EncryptSecrets;
use shared::operations::{CapturedSnapshot, captured_configuration, comparable, reveal};
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::Operation;
use shared::report::cause;
use shared::{ErrorKind, Result};
use shared_memory::{KeyUse, MemoryBackend, MemoryPool};

use super::fixture::{PLANTED, backend, captured, client, export, id, lacking, make_rich, records};
use crate::support::copied::{ReportedStages, copy_to, copy_with, other_account};
use crate::support::log::Log;
use crate::support::machine::Machine;
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::restored::items;
use crate::support::{in_paused_time, source_id};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const OTHER_ACCOUNT: &str = "222222222222";

/// A deployment with both keys, and a pool with every kind of object.
pub(super) fn with_keys() -> (MemoryBackend, MemoryPool, ConfigurationKeys) {
    let (backend, source) = backend();
    make_rich(&source);
    let keys = backend.key_ring().create_both(ACCOUNT, &["eu-west-1", "eu-central-1"]);
    (backend.with_configuration_keys(Some(keys.clone())), source, keys)
}

async fn read(backend: &MemoryBackend, id: &RunId) -> CapturedSnapshot {
    let catalog = Catalog::new(backend.vault());
    let selector = SnapshotSelector::Id(id.clone());
    captured_configuration(&catalog, &source_id(), &selector, backend.clock().now()).await.unwrap()
}

/// The decrypted secrets of a snapshot, by object and member.
pub(super) async fn revealed(
    backend: &MemoryBackend,
    account: &str,
    id: &RunId,
) -> Result<BTreeMap<String, Value>> {
    let captured = read(backend, id).await;
    let mut revealed = BTreeMap::new();
    for entry in captured.list.entries() {
        for secret in &entry.secrets {
            let record = &captured.secrets[&secret.record];
            let keys = backend.keys_of(account);
            let text = reveal(&keys, "eu-west-1", &source_id(), record).await?;
            let name = format!("{} {}", entry.name.kind, secret.member);
            revealed.insert(name, text.unwrap().to_value());
        }
    }
    Ok(revealed)
}

/// The keys of the records of secrets.
fn secret_records(backend: &MemoryBackend) -> usize {
    records(backend).iter().filter(|key| key.sk.starts_with("REC#secret#")).count()
}

pub(super) fn assert_not_in_table(backend: &MemoryBackend, secrets: &[&str]) {
    for (key, item) in items(backend) {
        let item = format!("{item:?}");
        for secret in secrets {
            assert!(!item.contains(secret), "{key}");
        }
    }
}

fn calls(backend: &MemoryBackend) -> [u64; 4] {
    use KeyOperation::{Decrypt, Encrypt, GenerateDataKey, GenerateMac};
    [GenerateMac, Encrypt, GenerateDataKey, Decrypt].map(|operation| backend.key_ring().calls(operation))
}

async fn changes(
    backend: &MemoryBackend,
    old: &RunId,
    new: &RunId,
) -> (Vec<String>, Vec<(String, NotComparedReason)>) {
    let [old, new] = [read(backend, old).await, read(backend, new).await];
    let [old, new] = [old, new].map(|side| comparable(&side.list, side.objects).unwrap());
    let found = compare(&old, &new, &ClientMap::new());
    let name = |text: &str, field: Option<String>| format!("{text} {}", field.unwrap_or_default());
    (
        found.differences.into_iter().map(|found| name(&found.object.text, found.field)).collect(),
        found
            .not_compared
            .into_iter()
            .map(|other| (name(&other.object.text, other.field), other.reason))
            .collect(),
    )
}

#[test]
fn secrets_are_kept_encrypted_and_appear_nowhere_in_clear() {
    in_paused_time(async {
        let log = Log::default();
        let _listening = log.listen();
        let (backend, source, _) = with_keys();
        let large = "planted0large".repeat(1_000);
        let unknown = json!({"Token": PLANTED, "Large": large});
        backend.script().show(Operation::DescribeUserPool, json!({"UserPool": {"NewMember": unknown}}));
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        let (list, _) = captured(&backend, &first).await;
        assert_eq!((list.secret_count(), list.secrets_left_out()), (3, 0), "{:?}", list.entries());
        assert!(lacking(&list).iter().all(|(_, reason)| *reason == "notRead"), "{:?}", lacking(&list));
        assert_eq!(first["configuration"]["secretsStored"], 3);
        assert!(first["summary"].as_str().unwrap().contains("and 3 encrypted secrets."), "{first}");
        assert_eq!(
            calls(&backend),
            [3, 2, 1, 0],
            "the large value takes a data key, and nothing is decrypted"
        );

        let shown = revealed(&backend, ACCOUNT, &id(&first)).await.unwrap();
        let own = source.change_configuration("DescribeUserPoolClient", json!({"ClientId": server(&list)}));
        let own = own["UserPoolClient"]["ClientSecret"].clone();
        assert!(own.is_string());
        assert_eq!(
            shown,
            BTreeMap::from([
                ("clients ClientSecret".to_owned(), own.clone()),
                ("identityProviders ProviderDetails.client_secret".to_owned(), json!(PLANTED)),
                ("userPool NewMember".to_owned(), unknown),
            ])
        );
        let own = own.as_str().unwrap();
        assert_not_in_table(&backend, &[PLANTED, "planted0large", own]);
        let history = machine.history.lock().unwrap().join("\n");
        let announced = format!("{:?}", backend.announcements());
        for text in [first.to_string(), history, announced, log.text()] {
            assert!(!text.contains(PLANTED) && !text.contains("planted0large") && !text.contains(own));
        }
    });
}

/// The id of the client that has a secret.
fn server(list: &shared::model::configuration::CapturedList) -> String {
    let mut clients = list.entries().iter().filter(|entry| entry.name.kind == ObjectKind::Client);
    clients.find(|entry| !entry.secrets.is_empty()).unwrap().name.id.clone()
}

#[test]
fn an_unchanged_secret_writes_no_record_and_a_changed_one_is_named_without_its_value() {
    in_paused_time(async {
        let (backend, source, _) = with_keys();
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        let before = records(&backend);
        let second = export(&machine, "second").await;
        assert_eq!(records(&backend), before);
        assert_eq!(calls(&backend), [4, 2, 0, 0], "the MAC comes first, and the record is there");
        assert_eq!(second["configuration"]["changes"]["count"], 0, "{second}");
        let details = json!({"client_id": "google", "client_secret": "planted0rotated", "authorize_scopes": "openid email"});
        source.change_configuration(
            "UpdateIdentityProvider",
            json!({"ProviderName": "Google", "ProviderDetails": details}),
        );
        let third = export(&machine, "third").await;
        assert_eq!(secret_records(&backend), 3);
        let changed = &third["configuration"]["changes"]["objects"];
        let expected = json!([{
            "object": "identityProviders/Google", "change": "changed", "fieldCount": 1,
            "fields": ["ProviderDetails.client_secret"],
        }]);
        assert_eq!(changed, &expected);
        assert!(!third.to_string().contains("planted0rotated"));
        let (differences, _) = changes(&backend, &id(&first), &id(&third)).await;
        assert_eq!(differences, ["identityProviders/Google ProviderDetails.client_secret"]);
        assert_not_in_table(&backend, &["planted0rotated", PLANTED]);
        // Both snapshots have their own secret.
        let of = async |report: &Value| {
            let shown = revealed(&backend, ACCOUNT, &id(report)).await.unwrap();
            shown["identityProviders ProviderDetails.client_secret"].clone()
        };
        assert_eq!((of(&first).await, of(&third).await), (json!(PLANTED), json!("planted0rotated")));
    });
}

#[test]
fn an_export_that_shall_capture_no_secrets_leaves_them_out_and_counts_them() {
    in_paused_time(async {
        let (backend, _, _) = with_keys();
        let machine = Machine::new(&backend);
        let kept = export(&machine, "kept").await;
        let before = calls(&backend);
        let input = json!({"userPoolId": source_id(), "tps": 50, "captureSecrets": false});
        let left_out = machine.export(input, "left out").await.report();
        assert_eq!(calls(&backend), before, "no call of KMS");
        assert_eq!(left_out["configuration"]["secretsStored"], 0);
        assert_eq!(left_out["configuration"]["secretsLeftOut"], 2);
        assert_eq!(left_out["configuration"]["changes"]["count"], 0, "{left_out}");
        let (differences, not_compared) = changes(&backend, &id(&kept), &id(&left_out)).await;
        assert!(differences.is_empty(), "{differences:?}");
        let left_out = not_compared.iter().filter(|(_, reason)| *reason == NotComparedReason::LeftOut);
        assert_eq!(left_out.count(), 2, "{not_compared:?}");
        assert!(not_compared.iter().all(|(name, _)| !name.contains("ecret")), "one note for each object");
    });
}

#[test]
fn an_unknown_member_that_only_one_side_could_keep_is_no_difference() {
    in_paused_time(async {
        let (backend, _, keys) = with_keys();
        let new = json!({"UserPool": {"NewMember": PLANTED}});
        backend.script().show(Operation::DescribeUserPool, new);
        let kept = id(&export(&Machine::new(&backend), "kept").await);
        let backend = backend.with_configuration_keys(None);
        let left_out = id(&export(&Machine::new(&backend), "left out").await);
        for (old, new) in [(&kept, &left_out), (&left_out, &kept)] {
            let (differences, not_compared) = changes(&backend, old, new).await;
            assert!(differences.is_empty(), "{differences:?}");
            let note = ("userPool NewMember".to_owned(), NotComparedReason::NotCaptured);
            assert_eq!(not_compared.iter().filter(|other| **other == note).count(), 1, "{not_compared:?}");
        }
        // With another MAC key, the values may be the same or not.
        let mac = backend.key_ring().create(KeyUse::Mac, ACCOUNT, &["eu-west-1"]);
        let backend = backend.with_configuration_keys(Some(ConfigurationKeys { mac, ..keys }));
        let other = id(&export(&Machine::new(&backend), "other").await);
        let (differences, not_compared) = changes(&backend, &kept, &other).await;
        assert!(differences.is_empty(), "{differences:?}");
        let of_other_key = not_compared.iter().filter(|(_, reason)| *reason == NotComparedReason::OtherKey);
        assert_eq!(of_other_key.count(), 3, "{not_compared:?}");
    });
}

#[test]
fn a_secret_that_kms_does_not_encrypt_is_named_and_costs_nothing_else() {
    for (operation, code) in [
        (KeyOperation::Encrypt, "AccessDeniedException"),
        (KeyOperation::GenerateMac, "DisabledException"),
        (KeyOperation::Encrypt, "ValidationException"),
        (KeyOperation::GenerateMac, "ThrottlingException"),
        (KeyOperation::Encrypt, "KMSInternalException"),
    ] {
        in_paused_time(async {
            let (backend, source, _) = with_keys();
            let machine = Machine::new(&backend);
            let first = export(&machine, "first").await;
            let (before, _) = captured(&backend, &first).await;
            // A new secret needs both calls.
            let new = client(&source, json!({"ClientName": "new", "GenerateSecret": true}));
            backend.key_ring().refuse(operation, Some(code));
            let report = export(&machine, "refused").await;
            let (list, objects) = captured(&backend, &report).await;
            let lost = lacking(&list).into_iter().filter(|(_, reason)| *reason == "notEncrypted");
            let lost: Vec<_> = lost.map(|(name, _)| name).collect();
            assert!(lost.contains(&format!("clients/{new} ClientSecret")), "{code}: {lost:?}");
            assert_eq!(lost.len(), if operation == KeyOperation::GenerateMac { 3 } else { 1 }, "{lost:?}");
            assert_eq!(list.entries().len(), before.entries().len() + 3, "with its secrets and sessions");
            assert!(objects.contains_key(&format!("clients/{new}")));
            // An earlier snapshot holds two of the three secrets.
            assert_eq!(report["configuration"]["incompleteCount"], lost.len() - 1, "{report}");
            let note = report["configuration"]["notCaptured"].as_array().unwrap();
            let note = note.iter().find(|note| note["reason"] == "notEncrypted").unwrap();
            assert_eq!((&note["operation"], &note["code"]), (&json!(operation.name()), &json!(code)));
            // KMS works again.
            backend.key_ring().refuse(operation, None);
            let report = export(&machine, "again").await;
            assert_eq!(report["configuration"]["secretsStored"], 3, "{report}");
        });
    }
}

#[test]
fn a_refusal_of_all_calls_is_asked_for_once() {
    in_paused_time(async {
        let (backend, source, keys) = with_keys();
        for number in 0..30 {
            client(&source, json!({"ClientName": format!("client {number}"), "GenerateSecret": true}));
        }
        backend.key_ring().set_enabled(&keys.encryption, false);
        let report = export(&Machine::new(&backend), "disabled").await;
        assert_eq!(report["configuration"]["secretsStored"], 0);
        let [_, encrypt, ..] = calls(&backend);
        assert!(encrypt < 20, "{encrypt} calls, from those that were made at once");
    });
}

#[test]
fn an_outage_of_kms_costs_its_attempts_once_an_invocation() {
    in_paused_time(async {
        let (backend, source, _) = with_keys();
        for number in 0..200 {
            client(&source, json!({"ClientName": format!("client {number}"), "GenerateSecret": true}));
        }
        backend.key_ring().refuse(KeyOperation::GenerateMac, Some("KMSInternalException"));
        let begun = tokio::time::Instant::now();
        let report = export(&Machine::new(&backend), "outage").await;
        assert_eq!((&report["users"], &report["configuration"]["secretsStored"]), (&json!(20), &json!(0)));
        assert!(begun.elapsed() < Duration::from_secs(1200), "{:?}", begun.elapsed());
        let [macs, ..] = calls(&backend);
        assert!(macs < 1000, "{macs} calls for 202 secrets in six looks");
        assert_eq!(report["configuration"]["objects"]["clients"], 202, "no object is lost");
    });
}

#[test]
fn a_pause_of_kms_costs_no_secret() {
    in_paused_time(async {
        let (backend, _, _) = with_keys();
        // More than the attempts of one invocation.
        backend.key_ring().refuse_next(KeyOperation::GenerateMac, "KeyUnavailableException", 20);
        let report = export(&Machine::new(&backend), "paused").await;
        assert_eq!(report["configuration"]["secretsStored"], 2, "{report}");
        assert_eq!(report["configuration"]["notCapturedCount"], 0, "{report}");
    });
}

#[test]
fn a_key_of_another_account_or_region_keeps_no_secret() {
    in_paused_time(async {
        let (backend, _, keys) = with_keys();
        let other = backend.key_ring().create_both(OTHER_ACCOUNT, &["eu-west-1"]);
        let elsewhere = backend.key_ring().create_both(ACCOUNT, &["us-east-1"]);
        for (keys, code) in [(other, "AccessDeniedException"), (elsewhere, "NotFoundException")] {
            let backend = backend.clone().with_configuration_keys(Some(keys));
            let report = export(&Machine::new(&backend), code).await;
            let notes = report["configuration"]["notCaptured"].as_array().unwrap();
            let refused =
                notes.iter().filter(|note| note["reason"] == "notEncrypted" && note["code"] == code);
            assert_eq!(refused.count(), 2, "{report}");
        }
        // A new key of the own account makes new records. The old ones stay.
        let report = export(&Machine::new(&backend), "first").await;
        let encryption = backend.key_ring().create(KeyUse::Encryption, ACCOUNT, &["eu-west-1"]);
        let backend = backend.with_configuration_keys(Some(ConfigurationKeys { encryption, ..keys }));
        let second = export(&Machine::new(&backend), "second").await;
        assert_eq!(secret_records(&backend), 4);
        assert_eq!(second["configuration"]["changes"]["count"], 0, "{second}");
        assert_eq!(
            revealed(&backend, ACCOUNT, &id(&report)).await,
            revealed(&backend, ACCOUNT, &id(&second)).await
        );
    });
}

#[test]
fn only_who_may_decrypt_reads_a_secret_and_only_in_its_place() {
    in_paused_time(async {
        let (backend, _, keys) = with_keys();
        let report = export(&Machine::new(&backend), "first").await;
        let mut captured = read(&backend, &id(&report)).await;
        let error = revealed(&backend, OTHER_ACCOUNT, &id(&report)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(cause(&error).contains(keys.encryption.as_str()), "{error}");
        // The other Region has a replica. A third one has none.
        let record = captured.secrets.values().next().unwrap().clone();
        let replica = MemoryBackend::in_region(&backend, "eu-central-1", &backend.vault()).keys_of(ACCOUNT);
        assert!(reveal(&replica, "eu-central-1", &source_id(), &record).await.is_ok());
        let third = MemoryBackend::in_region(&backend, "us-east-1", &backend.vault()).keys_of(ACCOUNT);
        let error = reveal(&third, "us-east-1", &source_id(), &record).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CallRefused);
        // A ciphertext under the name of another member is refused.
        let mut records: Vec<_> = captured.secrets.values().cloned().collect();
        let swapped = records.remove(0).sealed_as(records[0].sealed().unwrap().clone());
        let error = reveal(&backend.keys(), "eu-west-1", &source_id(), &swapped).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotDamaged);

        captured.reveal_secrets(&backend.keys(), "eu-west-1").await.unwrap();
        let google = captured.objects.iter().find(|object| object.name.id == "Google").unwrap();
        assert_eq!(google.document["ProviderDetails"]["client_secret"], PLANTED);
    });
}

#[test]
fn a_removal_takes_the_secrets_that_no_other_snapshot_names() {
    in_paused_time(async {
        let (backend, source, _) = with_keys();
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        let details =
            json!({"client_id": "google", "client_secret": "rotated", "authorize_scopes": "openid email"});
        let update = json!({"ProviderName": "Google", "ProviderDetails": details});
        source.change_configuration("UpdateIdentityProvider", update);
        let second = export(&machine, "second").await;
        assert_eq!(secret_records(&backend), 3);
        prune_by_hand(&backend, &named_snapshots([&id(&first)])).await.unwrap();
        assert_eq!(secret_records(&backend), 2);
        assert_eq!(revealed(&backend, ACCOUNT, &id(&second)).await.unwrap().len(), 2);
    });
}

#[test]
fn a_copy_leaves_secrets_out_or_encrypts_them_for_the_destination() {
    in_paused_time(async {
        let (backend, _, _) = with_keys();
        let report = export(&Machine::new(&backend), "first").await;
        let id = id(&report);
        let (destination, _) = other_account();
        let copied = copy_to(&backend, &destination, &id).await.unwrap();
        assert_eq!(copied.secrets_left_out, 2);
        let there = read(&destination, &id).await;
        assert_eq!((there.list.secret_count(), there.list.secrets_left_out()), (0, 2));
        assert!(there.secrets.values().all(|record| record.sealed().is_none()));

        // A second copy encrypts what the first one left out. A third one writes nothing.
        let ring = destination.key_ring();
        // So that no key there has the id of one at the source.
        ring.create_both(OTHER_ACCOUNT, &["us-east-1"]);
        let keys = ring.create_both(OTHER_ACCOUNT, &["eu-west-1"]);
        let secrets =
            EncryptSecrets::new(backend.keys(), "eu-west-1", destination.keys_of(OTHER_ACCOUNT), &keys);
        let mut reported = ReportedStages::default();
        let copied = copy_with(&backend, &destination, &id, &secrets, &mut reported).await.unwrap();
        assert_eq!((copied.secrets_left_out, copied.items.configuration.copied), (0, 2));
        let shown = revealed(&destination, OTHER_ACCOUNT, &id).await.unwrap();
        assert_eq!(shown, revealed(&backend, ACCOUNT, &id).await.unwrap());
        assert_not_in_table(&destination, &[PLANTED]);
        let there = read(&destination, &id).await;
        let macs = there.list.entries().iter().flat_map(|entry| &entry.secrets);
        assert!(macs.clone().count() == 2 && macs.into_iter().all(|secret| secret.mac_key == keys.mac.id()));
        let copied = copy_with(&backend, &destination, &id, &secrets, &mut reported).await.unwrap();
        assert_eq!(copied.items.all().copied, 0);
        let copied = copy_to(&backend, &destination, &id).await.unwrap();
        assert_eq!((copied.items.all().copied, copied.secrets_left_out), (0, 0), "what is there stays");
    });
}

#[test]
fn a_copy_that_may_not_decrypt_ends_before_the_snapshot_can_be_found() {
    in_paused_time(async {
        let (backend, _, _) = with_keys();
        let id = id(&export(&Machine::new(&backend), "first").await);
        let (destination, _) = other_account();
        let keys = destination.key_ring().create_both(OTHER_ACCOUNT, &["eu-west-1"]);
        let [stranger, own] = [backend.keys_of(OTHER_ACCOUNT), destination.keys_of(ACCOUNT)];
        let mut reported = ReportedStages::default();
        let secrets = EncryptSecrets::new(stranger, "eu-west-1", destination.keys_of(OTHER_ACCOUNT), &keys);
        let error = copy_with(&backend, &destination, &id, &secrets, &mut reported).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        let secrets = EncryptSecrets::new(backend.keys(), "eu-west-1", own, &keys);
        let error = copy_with(&backend, &destination, &id, &secrets, &mut reported).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(!crate::support::copied::is_visible(&destination, &id).await);
    });
}

#[test]
fn a_lost_or_altered_record_of_a_secret_is_damage() {
    in_paused_time(async {
        let (backend, _, _) = with_keys();
        let report = export(&Machine::new(&backend), "first").await;
        let (list, _) = captured(&backend, &report).await;
        let key = ConfigurationKind::Secret.key(&source_id(), list.secrets()[0]);
        let whole = items(&backend).remove(&key).unwrap();
        let mut altered = whole.clone();
        let json = altered.inner_mut().get_mut("json").unwrap();
        let serde_dynamo::AttributeValue::S(text) = json else { panic!("{json:?}") };
        let at = text.find("ciphertext").unwrap() + 20;
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        text.replace_range(at..=at, other);
        for damaged in [None, Some(altered)] {
            match damaged {
                None => drop(backend.vault().remove(&key)),
                Some(altered) => backend.vault().put_by_hand(&key, altered),
            }
            let (destination, _) = other_account();
            let error = copy_to(&backend, &destination, &id(&report)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SnapshotDamaged);
            assert!(error.to_string().contains(&key.sk), "{error}");
            let catalog = Catalog::new(backend.vault());
            let selector = SnapshotSelector::Id(id(&report));
            let now = backend.clock().now();
            let error = captured_configuration(&catalog, &source_id(), &selector, now).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SnapshotDamaged);
        }
        // The next export writes the record again.
        export(&Machine::new(&backend), "second").await;
        assert_eq!(revealed(&backend, ACCOUNT, &id(&report)).await.unwrap().len(), 2);
    });
}

#[test]
fn a_capture_in_short_invocations_keeps_every_secret() {
    in_paused_time(async {
        let (backend, source, _) = with_keys();
        for number in 0..60 {
            client(&source, json!({"ClientName": format!("client {number}"), "GenerateSecret": true}));
        }
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(8));
        let report = export(&machine, "short").await;
        assert_eq!(report["configuration"]["secretsStored"], 62, "{report}");
        assert_eq!(secret_records(&backend), 62);
        assert_eq!(revealed(&backend, ACCOUNT, &id(&report)).await.unwrap().len(), 2, "by kind");
    });
}
