//! Random changes of a pool: the comparison names each of them.

use super::*;

/// One change that another client makes to a pool.
#[derive(Debug, Clone)]
enum Change {
    Attribute(Index, bool),
    Enabled(Index),
    Link(Index),
    Delete(Index),
    Add,
    Describe(Index),
    DeleteGroup(Index),
    AddGroup,
    Join(Index, Index),
    Leave(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<bool>()).prop_map(|(user, set)| Change::Attribute(user, set)),
        index().prop_map(Change::Enabled),
        index().prop_map(Change::Link),
        index().prop_map(Change::Delete),
        Just(Change::Add),
        index().prop_map(Change::Describe),
        index().prop_map(Change::DeleteGroup),
        Just(Change::AddGroup),
        (index(), index()).prop_map(|(user, group)| Change::Join(user, group)),
        (index(), index()).prop_map(|(user, group)| Change::Leave(user, group)),
    ]
}

/// Carries out a change. Returns the findings that it must cause. None if it changed nothing.
fn carry_out(change: &Change, pool: &MemoryPool) -> Vec<Finding> {
    use FindingKind::{Different, Extra, Missing};
    let (mut users, groups) = (by_name(pool), pool.groups());
    let mut pick = |at: &Index| (!users.is_empty()).then(|| users.swap_remove(at.index(users.len())));
    let pick_group = |at: &Index| (!groups.is_empty()).then(|| &groups[at.index(groups.len())]);
    match change {
        Change::Attribute(at, add) => pick(at).map_or_else(Vec::new, |existing| {
            if *add {
                set(pool, &existing.sub, "nickname", "Nobody knows")
            } else {
                set(pool, &existing.sub, "name", "Another Name")
            }
            vec![user(Different, &existing.sub, None, &[if *add { "nickname" } else { "name" }])]
        }),
        Change::Enabled(at) => pick(at).map_or_else(Vec::new, |existing| {
            pool.change_user(&existing.sub, |record| record.enabled = !record.enabled);
            vec![user(Different, &existing.sub, None, &["enabled"])]
        }),
        Change::Link(at) => pick(at).map_or_else(Vec::new, |existing| {
            set(pool, &existing.sub, "identities", r#"[{"userId":"another","providerName":"Google"}]"#);
            vec![user(Different, &existing.sub, None, &["identities"])]
        }),
        Change::Delete(at) => pick(at).map_or_else(Vec::new, |existing| {
            pool.delete_user(&existing.sub);
            let lost = groups.iter().filter(|(_, members)| members.contains(&existing.sub));
            let lost = lost.map(|(group, _)| membership(Missing, &group.name, &existing.sub));
            lost.chain([user(Missing, &existing.sub, None, &[])]).collect()
        }),
        Change::Add => {
            vec![user(Extra, &pool.put_user(people::plain(1, 0).people[0].record(9_999)), None, &[])]
        }
        Change::Describe(at) => pick_group(at).map_or_else(Vec::new, |(existing, _)| {
            pool.put_group(GroupRecord { description: Some("Another".to_owned()), ..existing.clone() });
            vec![group(Different, &existing.name, &["description"])]
        }),
        Change::DeleteGroup(at) => pick_group(at).map_or_else(Vec::new, |(existing, members)| {
            pool.delete_group(&existing.name);
            let lost = members.iter().map(|sub| membership(Missing, &existing.name, sub));
            lost.chain([group(Missing, &existing.name, &[])]).collect()
        }),
        Change::AddGroup => {
            pool.put_group(people::group(50));
            vec![group(Extra, &people::group_name(50), &[])]
        }
        Change::Join(at, in_group) => {
            pick(at).zip(pick_group(in_group)).map_or_else(Vec::new, |(existing, (group, members))| {
                pool.join(&existing.sub, &group.name);
                if members.contains(&existing.sub) {
                    Vec::new()
                } else {
                    vec![membership(Extra, &group.name, &existing.sub)]
                }
            })
        }
        Change::Leave(at, in_group) => {
            pick(at).zip(pick_group(in_group)).map_or_else(Vec::new, |(existing, (group, members))| {
                pool.leave(&existing.sub, &group.name);
                if members.contains(&existing.sub) {
                    vec![membership(Missing, &group.name, &existing.sub)]
                } else {
                    Vec::new()
                }
            })
        }
    }
}

/// Faults that a command survives: no deaths.
fn passing_faults() -> impl Strategy<Value = Faults> {
    disturbance::faults()
        .prop_map(|faults| faults.into_iter().filter(|(_, fault)| !matches!(fault, Fault::Die(_))).collect())
}

/// If a fault of the table defeats the adapter's retries, the command starts again.
async fn verified_with(backend: &MemoryBackend, faults: &Faults) -> Vec<Finding> {
    disturbance::order_faults(backend, faults);
    let result = try_verify(backend, &SnapshotSelector::Latest, &source_id()).await;
    backend.script().clear();
    match result {
        Ok((_, reported)) => reported.findings,
        Err(error) => {
            assert!(error.kind().retryable(), "{error}");
            verified(backend, &source_id()).await.1
        }
    }
}

proptest! {
    #![proptest_config(cases(80))]

    /// For any pool, any shape of listings and any faults: no finding after an export, and after one
    /// change exactly that one.
    #[test]
    fn verify_finds_exactly_the_change_that_was_made(
        population in people::any_kind(40),
        change in change(),
        shape in disturbance::shape(),
        faults in passing_faults(),
    ) {
        in_paused_time(async {
            let (backend, source, _) = exported(&population).await;
            source.set_shape(PageShape { echo: false, ..shape });
            assert_eq!(verified_with(&backend, &faults).await, []);
            let expected = carry_out(&change, &source);
            let findings = verified_with(&backend, &faults).await;
            assert_eq!(findings.len(), expected.len(), "{change:?}: {findings:?}");
            assert!(expected.iter().all(|finding| findings.contains(finding)), "{change:?}: {findings:?}");
        });
    }

    /// Every `sub` differs in a restored pool.
    #[test]
    fn verify_finds_exactly_the_change_in_a_restored_pool(population in people::restorable(30), change in change()) {
        in_paused_time(async {
            let (backend, source, target) = exported(&population).await;
            import(&backend, json!({})).await;
            assert_eq!(verified(&backend, &target_id()).await.1, []);
            let old: BTreeMap<_, _> = source.users().into_iter().map(|user| (user.record.username, user.sub)).collect();
            let old: BTreeMap<Sub, Sub> =
                target.users().into_iter().filter_map(|user| Some((user.sub, old.get(&user.record.username)?.clone()))).collect();
            let with_old_sub = |finding: Finding| match finding {
                Finding::User { finding, sub, fields, .. } if finding == FindingKind::Different => {
                    Finding::User { finding, sub: old[&sub].clone(), pool_sub: Some(sub), fields }
                }
                Finding::User { finding, sub, pool_sub, fields } if finding == FindingKind::Missing => {
                    Finding::User { finding, sub: old[&sub].clone(), pool_sub, fields }
                }
                Finding::Membership { finding, group, sub } if finding == FindingKind::Missing => {
                    Finding::Membership { finding, group, sub: old[&sub].clone() }
                }
                other => other,
            };
            let expected: Vec<_> = carry_out(&change, &target).into_iter().map(with_old_sub).collect();
            let findings = verified(&backend, &target_id()).await.1;
            assert_eq!(findings.len(), expected.len(), "{change:?}: {findings:?}");
            assert!(expected.iter().all(|finding| findings.contains(finding)), "{change:?}: {findings:?} {expected:?}");
        });
    }
}
