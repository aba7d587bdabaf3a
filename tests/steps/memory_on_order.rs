//! Goal: the pool and the vault in memory do what a test orders: listings of any shape, lost replies, half
//! of a deletion.
//!
//! Method: order each fault, make the call, and look at its effect. `contracts.rs` tests the rules of
//! Cognito and DynamoDB.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use shared::model::PageLimit;
use shared::ports::Backend;
use shared::ports::pool::Pool;
use shared::ports::vault::{Fence, HOLDER, Key, REVISION, ReadVault, Vault, WriteOnceVault};
use shared_memory::{Applied, Fault, PageShape};

use crate::support::disturbance::newcomer;
use crate::support::{backend, in_paused_time, people};

fn item(name: &str, value: AttributeValue) -> Item {
    HashMap::from([(name.to_owned(), value)]).into()
}

fn revision(number: u64) -> Item {
    item(REVISION, AttributeValue::N(number.to_string()))
}

#[test]
fn a_user_who_signs_up_is_sent_a_code() {
    in_paused_time(async {
        let (_, pool, _) = backend();
        pool.sign_up(&newcomer(1)).unwrap();
        assert_eq!(pool.messages(), 1);
    });
}

#[test]
fn a_conditional_put_whose_reply_is_lost_finds_its_own_item() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let (vault, key) = (backend.vault(), Key::new("p", "s"));
        vault.put_all(vec![(key.clone(), revision(1))]).await.unwrap();
        backend.script().fault(backend.script().calls() + 1, Fault::LostReply);
        assert!(!vault.replace(&key, revision(2), 1).await.unwrap());
        assert_eq!(vault.get(&key).await.unwrap(), Some(revision(2)));
    });
}

#[test]
fn a_listing_takes_the_ordered_shape_and_ends() {
    in_paused_time(async {
        let (_, pool, _) = backend();
        people::plain(20, 2).fill(&pool);
        for (shape, pages, entries) in [
            (PageShape::default(), vec![20], 20),
            (PageShape { sizes: vec![0, 15, 0, 7], ..PageShape::default() }, vec![0, 15, 0, 5], 20),
            (PageShape { sizes: vec![20], dangling: true, ..PageShape::default() }, vec![20, 0], 20),
            (PageShape { sizes: vec![10], repeat: true, ..PageShape::default() }, vec![10, 10, 2], 22),
            (PageShape { sizes: vec![0], ..PageShape::default() }, vec![20], 20),
        ] {
            let (_, pool, _) = backend();
            people::plain(20, 2).fill(&pool);
            pool.set_shape(shape.clone());
            let (mut token, mut sizes, mut subs) = (None, Vec::new(), std::collections::HashSet::new());
            loop {
                let listed = pool.list_users(PageLimit::MAX, token.as_deref()).await.unwrap();
                sizes.push(listed.entries.len());
                subs.extend(listed.entries.into_iter().map(|user| user.sub));
                match listed.next_token {
                    None => break,
                    next => token = next,
                }
            }
            assert_eq!((&sizes, sizes.iter().sum::<usize>(), subs.len()), (&pages, entries, 20), "{shape:?}");
        }
        let echoing = PageShape { sizes: vec![60], echo: true, ..PageShape::default() };
        pool.set_shape(echoing);
        let before = pool.list_users(PageLimit::MAX, None).await.unwrap().entries;
        pool.change_user(&before[0].sub, |record| record.enabled = !record.enabled);
        assert_eq!(
            pool.list_users(PageLimit::MAX, None).await.unwrap().entries.len(),
            20,
            "a new listing knows nothing of the last one's changes"
        );
    });
}

#[test]
fn an_invocation_that_dies_deletes_half_of_the_items() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let vault = backend.vault();
        let keys: Vec<Key> = (0..4).map(|n| Key::new("USER#x", format!("REC#{n}"))).collect();
        let lease = Key::new("POOL#x", "LEASE#EXPORT");
        vault.put_by_hand(&lease, item(HOLDER, AttributeValue::S("a".to_owned())));
        vault.put_all(keys.iter().map(|key| (key.clone(), revision(1))).collect()).await.unwrap();
        let fence = Fence { key: lease, holder: "a".to_owned() };
        for is_fenced in [false, true] {
            let dying = backend.invocation();
            backend.script().fault(backend.script().calls() + 1, Fault::Die(Applied::Half));
            let delete = async {
                if is_fenced {
                    dying.vault().delete_while(&fence, keys[2..].to_vec()).await.map(drop)
                } else {
                    dying.vault().delete_all(keys.clone()).await
                }
            };
            tokio::select! {
                biased;
                _ = delete => panic!("it dies"),
                () = dying.death() => {}
            }
            assert_eq!(vault.items().len() - 1, if is_fenced { 1 } else { 2 });
        }
    });
}
