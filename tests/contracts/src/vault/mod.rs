//! The contract of a vault.

mod call;
mod cases;

use serde_dynamo::Item;
use shared::ports::vault::{Found, Key, Vault};

use crate::Exception;
use crate::exception::{Outcome, judge, unknown};
pub use call::{Answer, Call, Case};
pub use cases::cases;

/// Runs every case against `vault`, an empty table. Returns the disagreements, one line a case.
pub async fn disagreements<V: Vault>(vault: &V, exceptions: &[Exception]) -> Vec<String> {
    let cases = cases();
    let mut wrong = unknown(cases.iter().map(|case| case.name), exceptions);
    for case in cases {
        let mut outcome = Outcome::Agrees;
        for (number, (call, wanted)) in case.steps.into_iter().enumerate() {
            let answer = answer(vault, call).await;
            if !is_owed(&answer, &wanted) {
                let what =
                    format!("step {} answers {} instead of {}", number + 1, shown(&answer), shown(&wanted));
                let is_refusal =
                    matches!(answer, Answer::Refused(_)) && !matches!(wanted, Answer::Refused(_));
                outcome = if is_refusal { Outcome::Refused(what) } else { Outcome::Differed(what) };
                break;
            }
        }
        wrong.extend(judge(case.name, outcome, exceptions));
    }
    wrong
}

async fn answer<V: Vault>(vault: &V, call: Call) -> Answer {
    let answer = match call {
        Call::Get(key) => vault.get(&key).await.map(Answer::Item),
        Call::PutNew(key, item) => vault.put_new(&key, item).await.map(Answer::Did),
        Call::Replace(key, item, revision) => vault.replace(&key, item, revision).await.map(Answer::Did),
        Call::InsertAll(items) => vault.insert_all(items).await.map(|()| Answer::Done),
        Call::PutAll(items) => vault.put_all(items).await.map(|()| Answer::Done),
        Call::GetAll(keys) => vault.get_all(keys).await.map(|items| Answer::Items(sorted(items))),
        Call::Existing(keys) => {
            vault.existing(keys).await.map(|keys| Answer::Keys(sorted_keys(keys.into_iter().collect())))
        }
        Call::SetExpiry(keys, at) => vault.set_expiry(keys, at).await.map(|()| Answer::Done),
        Call::DeleteAll(keys) => vault.delete_all(keys).await.map(|()| Answer::Done),
        Call::DeleteWhile(fence, keys) => vault.delete_while(&fence, keys).await.map(Answer::Did),
        Call::Query(query) => vault
            .query(&query)
            .await
            .map(|Found { items, next }| Answer::Found(items.into_iter().map(|(sk, _)| sk).collect(), next)),
    };
    answer.unwrap_or_else(|error| Answer::Refused(error.kind()))
}

fn sorted(mut items: Vec<(Key, Item)>) -> Vec<(Key, Item)> {
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    items
}

fn sorted_keys(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort();
    keys
}

fn is_owed(answer: &Answer, wanted: &Answer) -> bool {
    match (answer, wanted) {
        (Answer::Found(found, next), Answer::Beginning(all)) => {
            let is_part = !found.is_empty() && found.len() < all.len() && all.starts_with(found);
            is_part && next.as_ref() == found.last()
        }
        (answer, Answer::Items(wanted)) => *answer == Answer::Items(sorted(wanted.clone())),
        (answer, Answer::Keys(wanted)) => *answer == Answer::Keys(sorted_keys(wanted.clone())),
        (answer, wanted) => answer == wanted,
    }
}

/// An answer in a few words, because items have up to 400 KB.
fn shown(answer: &Answer) -> String {
    format!("{answer:?}").chars().take(300).collect()
}
