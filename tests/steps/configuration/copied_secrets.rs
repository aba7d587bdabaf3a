//! Goal: a copy that encrypts secrets for its destination and dies ends with the same result, if it starts again.
//!
//! Method: let it die at each call of either table and of KMS, before and after the call takes effect.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_dynamo::Item;
use serde_json::json;
use shared::Result;
use shared::model::RunId;
use shared::model::configuration::{ConfigurationKeys, KeyArn, SecretContext};
use shared::operations::copy::{Copied, EncryptSecrets};
use shared::ports::Backend;
use shared::ports::keys::{DataKey, DecryptingKeys, EncryptingKeys, KeyResult, Zeroizing};
use shared::ports::pool::Operation;
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryKeys};
use tokio::sync::Notify;

use super::fixture::{PLANTED, export, id};
use super::secrets::{ACCOUNT, OTHER_ACCOUNT, assert_not_in_table, revealed, with_keys};
use crate::support::copied::{ReportedStages, copy_with, is_visible, other_account, snapshot_items};
use crate::support::in_paused_time;
use crate::support::machine::Machine;

/// KMS of a command that dies at a call, counted from 1.
#[derive(Clone)]
struct DyingKeys {
    keys: MemoryKeys,
    order: Arc<Order>,
}

#[derive(Default)]
struct Order {
    calls: AtomicU64,
    dies_at: u64,
    applied: bool,
    death: Notify,
}

impl DyingKeys {
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let order = &self.order;
        let dies = order.calls.fetch_add(1, Ordering::Relaxed) + 1 == order.dies_at;
        if dies && !order.applied {
            order.death.notify_one();
            return pending().await;
        }
        let answer = call.await;
        if dies {
            order.death.notify_one();
            return pending().await;
        }
        answer
    }
}

impl EncryptingKeys for DyingKeys {
    async fn mac(&self, key: &KeyArn, message: &[u8]) -> KeyResult<Vec<u8>> {
        self.call(self.keys.mac(key, message)).await
    }

    async fn encrypt(&self, key: &KeyArn, context: &SecretContext, plaintext: &[u8]) -> KeyResult<Vec<u8>> {
        self.call(self.keys.encrypt(key, context, plaintext)).await
    }

    async fn data_key(&self, key: &KeyArn, context: &SecretContext) -> KeyResult<DataKey> {
        self.call(self.keys.data_key(key, context)).await
    }
}

impl DecryptingKeys for DyingKeys {
    async fn decrypt(
        &self,
        key: &KeyArn,
        context: &SecretContext,
        ciphertext: &[u8],
    ) -> KeyResult<Zeroizing<Vec<u8>>> {
        self.call(self.keys.decrypt(key, context, ciphertext)).await
    }
}

/// A table and KMS in another account.
fn destination() -> (MemoryBackend, ConfigurationKeys) {
    let (backend, _) = other_account();
    // So that no key there has the id of one at the source.
    backend.key_ring().create_both(OTHER_ACCOUNT, &["us-east-1"]);
    let keys = backend.key_ring().create_both(OTHER_ACCOUNT, &["eu-west-1"]);
    (backend, keys)
}

/// Copies with `order`. None if the command died.
async fn copy(
    origin: &MemoryBackend,
    (destination, keys): &(MemoryBackend, ConfigurationKeys),
    id: &RunId,
    order: &Arc<Order>,
) -> Option<Result<Copied>> {
    let dying = |keys| DyingKeys { keys, order: Arc::clone(order) };
    let [from, to] = [origin, destination].map(MemoryBackend::invocation);
    let [source_keys, own] = [origin.keys(), destination.keys_of(OTHER_ACCOUNT)].map(dying);
    let secrets = EncryptSecrets::new(source_keys, "eu-west-1", own, keys);
    let mut reported = ReportedStages::default();
    tokio::select! {
        biased;
        ended = copy_with(&from, &to, id, &secrets, &mut reported) => Some(ended),
        () = from.death() => None,
        () = to.death() => None,
        () = order.death.notified() => None,
    }
}

/// The items of a snapshot. Each encryption gives another ciphertext, so of a secret only the name counts.
fn comparable(backend: &MemoryBackend) -> BTreeMap<Key, Option<Item>> {
    let is_secret = |key: &Key| key.sk.starts_with("REC#secret#");
    let items = snapshot_items(backend).into_iter();
    items.map(|(key, item)| (key.clone(), Some(item).filter(|_| !is_secret(&key)))).collect()
}

#[test]
fn a_copy_that_dies_at_any_call_while_it_encrypts_secrets_ends_with_the_same_result() {
    in_paused_time(async {
        let (origin, _, _) = with_keys();
        let large = json!({"Large": PLANTED.repeat(1_000)});
        origin.script().show(Operation::DescribeUserPool, json!({"UserPool": {"NewMember": large}}));
        let id = id(&export(&Machine::new(&origin), "first").await);
        origin.script().clear();
        let at_source = snapshot_items(&origin);
        let secrets = revealed(&origin, ACCOUNT, &id).await.unwrap();
        assert_eq!(secrets.len(), 3, "{:?}", secrets.keys());

        let undisturbed = destination();
        let (before, order) = (origin.script().calls(), Arc::new(Order::default()));
        copy(&origin, &undisturbed, &id, &order).await.unwrap().unwrap();
        let expected = comparable(&undisturbed.0);
        let calls = [
            origin.script().calls() - before,
            undisturbed.0.script().calls(),
            order.calls.load(Ordering::Relaxed),
        ];
        assert!(calls[0] > 5 && calls[1] > 10 && calls[2] == 9, "{calls:?}");
        let sites = calls.into_iter().enumerate().flat_map(|(place, calls)| {
            let ways = [Applied::Nothing, Applied::Half, Applied::All];
            (1..=calls).flat_map(move |call| ways.into_iter().map(move |applied| (place, call, applied)))
        });
        for (place, call, applied) in sites {
            let there = destination();
            let mut order = Order::default();
            match place {
                0 => origin.script().fault(origin.script().calls() + call, Fault::Die(applied)),
                1 => there.0.script().fault(there.0.script().calls() + call, Fault::Die(applied)),
                _ => (order.dies_at, order.applied) = (call, applied != Applied::Nothing),
            }
            let case =
                format!("{applied:?} at call {call} of {}", ["the source", "the destination", "KMS"][place]);
            let ended = copy(&origin, &there, &id, &Arc::new(order)).await;
            assert!(ended.is_none(), "{case}: {ended:?}");
            origin.script().clear();
            if is_visible(&there.0, &id).await {
                assert_eq!(comparable(&there.0), expected, "{case}: a header without all it names");
            }
            assert_not_in_table(&there.0, &[PLANTED]);
            // A copy that died did not release its lease.
            tokio::time::sleep(Duration::from_secs(5 * 60)).await;
            let again = copy(&origin, &there, &id, &Arc::default()).await.unwrap().unwrap();
            assert_eq!(again.secrets_left_out, 0, "{case}");
            assert_eq!(comparable(&there.0), expected, "{case}");
            assert_eq!(revealed(&there.0, OTHER_ACCOUNT, &id).await.unwrap(), secrets, "{case}");
            let third = copy(&origin, &there, &id, &Arc::default()).await.unwrap().unwrap();
            assert_eq!(third.items.all().copied, 0, "{case}");
        }
        assert_eq!(snapshot_items(&origin), at_source, "a copy changes nothing at the source");
    });
}
