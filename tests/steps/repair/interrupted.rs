//! Repairs whose invocations die, are doubled or are short.

use super::*;

/// The content at the end, the messages, and the totals.
async fn ended(harmed: &DamagedPool) -> (BTreeMap<String, Held>, u64, Value) {
    let restores = Catalog::new(harmed.backend.vault()).restores(&source_id(), 10).await.unwrap();
    let mut totals = restores[0].totals.clone().unwrap();
    // A user that was updated just before an interruption counts as unchanged afterwards.
    totals.users.already_there += std::mem::take(&mut totals.users.updated);
    (harmed.held(), harmed.pool.messages(), json!(totals))
}

/// Interrupts a repair at each call, and continues it or starts it again.
fn for_every_interruption(mode: Mode, options: Value, ways: &[(Applied, bool)]) {
    let (calls, expected) = in_paused_time(async {
        let harmed = harmed(mode).await;
        let first = harmed.backend.script().calls() + 1;
        harmed.repair(options.clone()).await;
        (first..=harmed.backend.script().calls(), ended(&harmed).await)
    });
    for call in calls {
        for &(applied, stop_at_death) in ways {
            in_paused_time(async {
                let harmed = harmed(mode).await;
                let backend = &harmed.backend;
                backend.script().fault(call, Fault::Die(applied));
                let machine = Machine { stop_at_death, ..Machine::new(backend) };
                let first = machine.import(harmed.input(options.clone()), "first").await;
                backend.script().clear();
                if first == End::Stopped {
                    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                    let restores = Catalog::new(backend.vault()).restores(&source_id(), 1).await.unwrap();
                    let was_closed = |state| matches!(state, RestoreState::Succeeded | RestoreState::Partial);
                    if !restores.first().is_some_and(|restore| was_closed(restore.state)) {
                        machine.import(harmed.input(options.clone()), "again").await.report();
                    }
                }
                let (held, messages, totals) = ended(&harmed).await;
                // If the answer about an invitation is lost, the restore sends it again.
                assert!((expected.1..=2 * expected.1).contains(&messages), "{mode:?} {call}: {messages}");
                let ended = (held, expected.1, totals);
                assert_eq!(ended, expected, "{mode:?} {call} {applied:?} {stop_at_death}");
            });
        }
    }
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_username() {
    for_every_interruption(Mode::Usernames, json!({"existing": "skip"}), &EVERY_WAY);
}

/// The user has left one of its groups. The repair counts exactly that membership as created.
#[test]
fn a_repair_of_a_selected_user_interrupted_at_any_call() {
    let select = json!({"usernames": [people::username(LEFT_A_GROUP, LEFT_A_GROUP as u8)]});
    for_every_interruption(Mode::Usernames, json!({"existing": "update", "select": select}), &TWO_WAYS);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_alias() {
    for_every_interruption(Mode::Aliases, json!({"existing": "update", "federated": "link"}), &TWO_WAYS);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_case_sensitive_username() {
    for_every_interruption(Mode::CaseSensitive, json!({"existing": "update"}), &TWO_WAYS[1..]);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_email() {
    for_every_interruption(Mode::Email, json!({"existing": "update", "federated": "link"}), &EVERY_WAY);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_phone() {
    for_every_interruption(Mode::Phone, json!({"existing": "skip"}), &TWO_WAYS[1..]);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_email_or_phone() {
    let invited = json!({"existing": "update", "passwords": "temporary", "sendInvitations": true});
    for_every_interruption(Mode::EmailOrPhone, invited, &TWO_WAYS);
}

#[test]
fn a_repair_in_the_shortest_invocations_has_the_same_result() {
    for mode in MODES {
        for options in [json!({"existing": "skip"}), json!({"existing": "update", "federated": "link"})] {
            let expected = in_paused_time(async {
                let harmed = harmed(mode).await;
                harmed.repair(options.clone()).await;
                ended(&harmed).await
            });
            in_paused_time(async {
                let harmed = harmed(mode).await;
                let shape = PageShape {
                    sizes: vec![3, 0, 2],
                    repeat: true,
                    dangling: true,
                    echo: true,
                    ..PageShape::default()
                };
                harmed.pool.set_shape(shape);
                let machine = Machine::new(&harmed.backend).with_budget(Duration::from_millis(1));
                let next = harmed.backend.script().calls();
                [3, 40, 90, 140]
                    .into_iter()
                    .for_each(|call| harmed.backend.script().fault(next + call, Fault::RejectToken));
                machine.import(harmed.input(options.clone()), "short").await.report();
                assert_eq!(ended(&harmed).await, expected, "{mode:?} {options}");
            });
        }
    }
}
