//! The pool and vault in memory are as strict as Cognito and DynamoDB where a backup could go wrong.

use std::collections::HashMap;
use std::time::Duration;

use serde_dynamo::{AttributeValue, Item};
use shared::ErrorKind;
use shared::model::{GroupName, UserStatus, Username};
use shared::ports::Backend;
use shared::ports::pool::{NewUser, Password, Pool, PoolErrorKind};
use shared::ports::vault::{Fence, HOLDER, Key, Order, Query, ReadVault, Vault, WriteOnceVault};
use shared_memory::{Applied, Fault, MemoryPool, PageShape};

use crate::support::disturbance::newcomer;
use crate::support::{backend, in_paused_time, people};

fn user(name: &str, attributes: &[(&str, &str)]) -> NewUser {
    NewUser {
        username: Username::new(name),
        attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        temporary_password: Password::new("Temporary-1".to_owned()),
        invitation: None,
    }
}

async fn refusal(pool: &MemoryPool, user: NewUser) -> Option<PoolErrorKind> {
    pool.create_user(&user).await.err().map(|error| error.kind)
}

#[test]
fn a_user_is_created_by_cognitos_rules() {
    in_paused_time(async {
        let (_, pool, _) = backend();
        let invalid = Some(PoolErrorKind::InvalidParameter);
        assert_eq!(refusal(&pool, user("anna", &[("email", "a@example.com"), ("custom:note", "x")])).await, None);
        assert_eq!(refusal(&pool, user("Anna", &[])).await, Some(PoolErrorKind::AlreadyExists));
        for name in ["", "a b", "a\u{a0}b", "a\tb", &"x".repeat(129)] {
            assert_eq!(refusal(&pool, user(name, &[])).await, invalid, "{name:?}");
        }
        assert_eq!(refusal(&pool, user(&"é".repeat(128), &[])).await, None);
        for attribute in ["sub", "custom:unknown", "identities", "cognito:user_status"] {
            assert_eq!(refusal(&pool, user("bert", &[(attribute, "x")])).await, invalid, "{attribute}");
        }
        assert_eq!(refusal(&pool, user("bert", &[("name", &"x".repeat(2049))])).await, invalid);
        let weak = NewUser { temporary_password: Password::new("weak".to_owned()), ..user("bert", &[]) };
        assert_eq!(refusal(&pool, weak).await, Some(PoolErrorKind::Refused));
        pool.configure(|pool| pool.attributes.get_mut("email").unwrap().required = true);
        assert_eq!(refusal(&pool, user("bert", &[])).await, invalid);

        let anna = Username::new("ANNA");
        assert_eq!(pool.get_user(&anna).await.unwrap().record.status, UserStatus::ForceChangePassword);
        for weak in ["Ab1!", "abcdefg1!", "ABCDEFG1!", "Abcdefgh!", "Abcdefgh1"] {
            assert_eq!(
                pool.set_password(&anna, &Password::new(weak.to_owned())).await.unwrap_err().kind,
                PoolErrorKind::Refused,
                "{weak}"
            );
        }
        pool.set_password(&anna, &Password::new("Abcdefg1!".to_owned())).await.unwrap();
        pool.disable_user(&anna).await.unwrap();
        let there = pool.get_user(&anna).await.unwrap().record;
        assert_eq!((there.status, there.enabled, there.username.as_str()), (UserStatus::Confirmed, false, "anna"));
        assert_eq!(pool.messages(), 0);
        pool.configure(|pool| pool.attributes.get_mut("email").unwrap().required = false);
        pool.sign_up(&newcomer(1)).unwrap();
        assert_eq!(pool.messages(), 1);
    });
}

#[test]
fn aliases_and_sign_in_by_email_follow_cognitos_rules() {
    in_paused_time(async {
        let (_, aliases, by_email) = backend();
        aliases.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
        let verified = [("email", "a@example.com"), ("email_verified", "true")];
        assert_eq!(refusal(&aliases, user("a@example.com", &[])).await, Some(PoolErrorKind::InvalidParameter));
        assert_eq!(refusal(&aliases, user("anna", &verified)).await, None);
        assert_eq!(refusal(&aliases, user("bert", &verified)).await, Some(PoolErrorKind::AliasTaken));
        assert_eq!(refusal(&aliases, user("carl", &[("email", "a@example.com")])).await, None);
        assert_eq!(aliases.get_user(&Username::new("a@example.com")).await.unwrap().record.username.as_str(), "anna");

        by_email.configure(|pool| pool.username_attributes = vec!["email".to_owned()]);
        assert_eq!(refusal(&by_email, user("anna", &[])).await, Some(PoolErrorKind::InvalidParameter));
        let created = by_email.create_user(&user("a@example.com", &[])).await.unwrap();
        assert_eq!(created.record.username.as_str(), created.sub.as_str());
        assert_eq!(created.record.attributes["email"], "a@example.com");
    });
}

#[test]
fn groups_follow_cognitos_rules() {
    in_paused_time(async {
        let (_, pool, _) = backend();
        pool.create_user(&user("anna", &[])).await.unwrap();
        let (anna, nobody, nowhere) = (Username::new("anna"), Username::new("nobody"), GroupName::new("nowhere"));
        let group = people::group(1);
        pool.create_group(&group).await.unwrap();
        assert_eq!(pool.create_group(&group).await.unwrap_err().kind, PoolErrorKind::AlreadyExists);
        assert!(pool.get_group(&group.name).await.unwrap().same_settings(&group));
        assert_eq!(pool.get_group(&nowhere).await.unwrap_err().kind, PoolErrorKind::NotFound);
        assert_eq!(pool.add_to_group(&nobody, &nowhere).await.unwrap_err().kind, PoolErrorKind::NotFound);
        assert_eq!(pool.add_to_group(&nobody, &group.name).await.unwrap_err().kind, PoolErrorKind::UserNotFound);
        for _ in 0..2 {
            pool.add_to_group(&anna, &group.name).await.unwrap();
        }
        assert_eq!(pool.list_members(&group.name, None).await.unwrap().entries.len(), 1);
        for number in 2..101 {
            pool.put_group(people::group(number));
            pool.add_to_group(&anna, &people::group_name(number)).await.unwrap();
        }
        pool.put_group(people::group(101));
        assert_eq!(pool.add_to_group(&anna, &people::group_name(101)).await.unwrap_err().kind, PoolErrorKind::Refused);
    });
}

#[test]
fn a_token_belongs_to_its_listing_and_lasts_an_hour() {
    in_paused_time(async {
        let (_, pool, _) = backend();
        people::plain(130, 8).fill(&pool);
        let first = pool.list_users(None).await.unwrap();
        assert_eq!(first.entries.len(), 60);
        let token = first.next_token.as_deref();
        let group = people::group_name(1);
        assert_eq!(pool.list_groups(token).await.unwrap_err().kind, PoolErrorKind::InvalidParameter);
        assert_eq!(pool.list_members(&group, token).await.unwrap_err().kind, PoolErrorKind::InvalidParameter);
        assert_eq!(pool.list_users(Some("made up")).await.unwrap_err().kind, PoolErrorKind::InvalidParameter);
        tokio::time::sleep(Duration::from_secs(3599)).await;
        let second = pool.list_users(token).await.unwrap();
        assert_eq!(second.entries.len(), 60);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(pool.list_users(second.next_token.as_deref()).await.unwrap_err().kind, PoolErrorKind::InvalidParameter);
    });
}

#[test]
fn a_listing_takes_whatever_shape_was_asked_for_and_ends() {
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
                let listed = pool.list_users(token.as_deref()).await.unwrap();
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
        let before = pool.list_users(None).await.unwrap().entries;
        pool.change_user(&before[0].sub, |record| record.enabled = !record.enabled);
        assert_eq!(
            pool.list_users(None).await.unwrap().entries.len(),
            20,
            "a new listing knows nothing of the last one's changes"
        );
    });
}

fn item(size: usize) -> Item {
    Item::from(HashMap::from([("a".to_owned(), AttributeValue::S("x".repeat(size)))]))
}

#[test]
fn items_have_dynamodbs_sizes_and_conditions() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let vault = backend.vault();
        let key = Key::new("p", "s");
        // "pk" + "p" + "sk" + "s" + "a" are seven bytes.
        assert!(vault.put_new(&key, item(400 * 1024 - 7)).await.unwrap());
        assert!(!vault.put_new(&key, item(1)).await.unwrap());
        let refused = |result: shared::Result<()>| result.unwrap_err().kind() == ErrorKind::CallRefused;
        assert!(refused(vault.put_all(vec![(Key::new("p", "t"), item(400 * 1024 - 6))]).await));
        assert!(refused(vault.put_all(vec![(Key::new("p", ""), item(1))]).await));
        assert!(refused(vault.put_all(vec![(Key::new("p", "x".repeat(1025)), item(1))]).await));
        assert!(refused(vault.put_all(vec![(key.clone(), item(1)), (key.clone(), item(2))]).await));

        let revision =
            |n: u64| Item::from(std::collections::HashMap::from([("revision".to_owned(), AttributeValue::N(n.to_string()))]));
        assert!(!vault.replace(&key, revision(1), 0).await.unwrap());
        vault.put_all(vec![(key.clone(), revision(1))]).await.unwrap();
        assert!(!vault.replace(&key, revision(3), 2).await.unwrap());
        backend.script().fault(backend.script().calls() + 1, Fault::LostReply);
        assert!(!vault.replace(&key, revision(2), 1).await.unwrap());
        assert_eq!(vault.get(&key).await.unwrap(), Some(revision(2)));
    });
}

#[test]
fn a_query_goes_along_the_sort_keys_and_stops_at_its_limit_or_at_a_megabyte() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let vault = backend.vault();
        let sks = ["A#1", "B#1", "B#10", "B#2", "B#3", "C#1"];
        vault.put_all(sks.iter().map(|sk| (Key::new("p", *sk), item(300 * 1024))).collect()).await.unwrap();
        let query = |after: Option<&str>, order, limit| Query {
            pk: "p".to_owned(),
            prefix: "B#".to_owned(),
            after: after.map(str::to_owned),
            order,
            limit,
        };
        let found = async |query| {
            let found = vault.query(&query).await.unwrap();
            (found.items.into_iter().map(|(sk, _)| sk).collect::<Vec<_>>(), found.next)
        };
        let next = |sk: &str| Some(sk.to_owned());
        let of = |sks: &[&str]| sks.iter().map(|sk| (*sk).to_owned()).collect::<Vec<_>>();
        assert_eq!(found(query(None, Order::Ascending, 2)).await, (of(&["B#1", "B#10"]), next("B#10")));
        assert_eq!(found(query(Some("B#10"), Order::Ascending, 3)).await, (of(&["B#2", "B#3"]), None));
        assert_eq!(found(query(None, Order::Descending, 1)).await, (of(&["B#3"]), next("B#3")));
        assert_eq!(found(query(Some("B#2"), Order::Descending, 9)).await, (of(&["B#10", "B#1"]), None));
        // At the limit it does not look further; and four items are more than a megabyte.
        assert_eq!(found(query(Some("B#2"), Order::Ascending, 1)).await, (of(&["B#3"]), next("B#3")));
        assert_eq!(found(query(None, Order::Ascending, 9)).await, (of(&["B#1", "B#10", "B#2", "B#3"]), next("B#3")));
    });
}

#[test]
fn deletions_depend_on_their_fence_and_come_in_halves() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let vault = backend.vault();
        let keys: Vec<Key> = (0..4).map(|n| Key::new("USER#x", format!("REC#{n}"))).collect();
        let fill = || vault.put_all(keys.iter().map(|key| (key.clone(), item(1))).collect());
        fill().await.unwrap();
        assert_eq!(vault.existing(keys.clone()).await.unwrap().len(), 4);
        let lease = Key::new("POOL#x", "LEASE#EXPORT");
        let holder = |name: &str| AttributeValue::S(name.to_owned());
        vault.put_by_hand(&lease, Item::from(std::collections::HashMap::from([(HOLDER.to_owned(), holder("a"))])));
        let fence = |holder: &str| Fence { key: lease.clone(), holder: holder.to_owned() };
        assert!(!vault.delete_while(&fence("b"), keys.clone()).await.unwrap());
        assert_eq!(vault.items().len(), 5, "the fence of somebody else");
        assert!(vault.delete_while(&fence("a"), keys[..2].to_vec()).await.unwrap());
        assert_eq!(vault.existing(keys.clone()).await.unwrap().len(), 2);
        vault.delete_all(keys.clone()).await.unwrap();
        assert_eq!(vault.items().into_keys().collect::<Vec<_>>(), std::slice::from_ref(&lease), "what is not there is no error");

        fill().await.unwrap();
        for deletions in 1..=2 {
            let dying = backend.invocation();
            backend.script().fault(backend.script().calls() + 1, Fault::Die(Applied::Half));
            let delete = async {
                match deletions {
                    1 => dying.vault().delete_all(keys.clone()).await,
                    _ => dying.vault().delete_while(&fence("a"), keys[2..].to_vec()).await.map(drop),
                }
            };
            tokio::select! {
                biased;
                _ = delete => panic!("it dies"),
                () = dying.death() => {}
            }
            assert_eq!(vault.items().len() - 1, [2, 1][deletions - 1]);
        }
        let twice = vault.delete_all(vec![lease.clone(), lease]).await.unwrap_err();
        assert!(twice.message().contains("twice"), "{twice}");
    });
}
