//! Goal: no use of KMS lets a secret, or an odd code of KMS, get into what is said.
//!
//! Method: plant secrets in a pool. Export it, compare it live, reveal its secrets, store its configuration and copy it,
//! while KMS refuses each operation with each kind of code.

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::configuration::CapturedList;
use shared::model::{CallStats, Ceilings, RunId, SnapshotSelector, Tps};
use shared::operations::copy::EncryptSecrets;
use shared::operations::{
    PresentPool, WatchReading, captured_configuration, compared_pool, live_configuration, prepare_capture,
};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::Operation;
use shared_memory::MemoryBackend;
use tokio::time::Duration;

use super::{ODD, SECRET, Said, export_input, with_everything};
use crate::configuration::PLANTED;
use crate::support::copied::{ReportedStages, copy_with, other_account};
use crate::support::{in_paused_time, source_id};

const ACCOUNT: &str = "123456789012";
const OTHER_ACCOUNT: &str = "222222222222";

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

/// What an operator does with a snapshot that holds secrets.
async fn use_secrets(said: &mut Said, backend: &MemoryBackend, id: &RunId) {
    let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
    let selector = SnapshotSelector::Id(id.clone());
    let read = captured_configuration(&catalog, &source_id(), &selector, now).await;
    let Ok(mut captured) = read else { return said.note(read) };
    let keys = captured.keys("eu-west-1");
    said.other.push(format!("{captured:?}"));
    let tps = Tps::new(200).unwrap();
    let pool = backend.pool(&source_id());
    let pool = PacedPool::new(pool, tps, &Ceilings::default(), backend.clock(), CallStats::none(tps));
    let with_kms = keys.as_ref().map(|keys| (backend.keys(), keys));
    let compared = compared_pool(&pool, &captured.list, with_kms.clone(), &mut Unwatched).await;
    said.other.push(format!("{compared:?}"));
    said.note(compared);
    let earlier = CapturedList::default();
    let present = PresentPool { pool: &pool, earlier: &earlier, keys: with_kms };
    let live = live_configuration(&pool, &captured.list, &mut Unwatched).await;
    said.other.push(format!("{live:?}"));
    said.note(live);
    let stored = prepare_capture(&catalog, id.clone(), id, present, &mut Unwatched).await;
    said.note(stored);
    let revealed = captured.reveal_secrets(&backend.keys(), "eu-west-1").await;
    said.note(revealed);
    said.other.push(format!("{captured:?}"));
    let (destination, _) = other_account();
    let keys = destination.key_ring().create_both(OTHER_ACCOUNT, &["eu-west-1"]);
    for own in [destination.keys_of(OTHER_ACCOUNT), destination.keys_of(ACCOUNT)] {
        let secrets = EncryptSecrets::new(backend.keys(), "eu-west-1", own, &keys);
        said.other.push(format!("{secrets:?}"));
        let copied = copy_with(backend, &destination, id, &secrets, &mut ReportedStages::default()).await;
        said.note(copied);
    }
}

#[test]
fn no_use_of_kms_says_a_secret_and_no_refusal_of_it_is_repeated() {
    use KeyOperation::{Decrypt, Encrypt, GenerateDataKey, GenerateMac};
    let codes =
        ["AccessDeniedException", "DisabledException", "ThrottlingException", "ValidationException", ODD];
    for operation in [GenerateMac, Encrypt, GenerateDataKey, Decrypt] {
        for code in codes {
            in_paused_time(async {
                let (backend, source, _) = with_everything();
                let keys = backend.key_ring().create_both(ACCOUNT, &["eu-west-1"]);
                let backend = backend.with_configuration_keys(Some(keys));
                let details =
                    json!({"client_id": "google", "client_secret": SECRET, "authorize_scopes": "openid"});
                let google = json!({"ProviderName": "Google", "ProviderDetails": details});
                source.change_configuration("UpdateIdentityProvider", google);
                let large = json!({"Large": SECRET.repeat(500)});
                backend.script().show(Operation::DescribeUserPool, json!({"UserPool": {"NewMember": large}}));
                let client = json!({"ClientName": "quiet", "GenerateSecret": true});
                let client = source.change_configuration("CreateUserPoolClient", client);
                let own = client["UserPoolClient"]["ClientSecret"].as_str().unwrap().to_owned();
                let mut said = Said::of(&backend);
                let _guard = said.log.listen();
                let first = said.run("export", export_input(), "first").await.report();
                let id = |report: &Value| RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
                use_secrets(&mut said, &backend, &id(&first)).await;
                backend.key_ring().refuse(operation, Some(code));
                use_secrets(&mut said, &backend, &id(&first)).await;
                let google = json!({
                    "ProviderName": "Google",
                    "ProviderDetails": {"client_id": "google", "client_secret": format!("{SECRET}2"), "authorize_scopes": "openid"},
                });
                source.change_configuration("UpdateIdentityProvider", google);
                let second = said.run("export", export_input(), "second").await.report();
                use_secrets(&mut said, &backend, &id(&second)).await;
                let case = (operation, code);
                said.assert_quiet(&case);
                let (log, items) = (said.log.text(), format!("{:?}", backend.vault().items()));
                for text in said.other.iter().chain([&log, &items]) {
                    for secret in [SECRET, PLANTED, &own] {
                        assert!(!text.contains(secret), "{case:?}: a secret in {text}");
                    }
                }
            });
        }
    }
}
