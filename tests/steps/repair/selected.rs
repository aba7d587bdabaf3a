//! Goal: a restore of selected users counts only the memberships that it adds, in groups of any size, and makes at most
//! one call more for each user.
//!
//! Method: groups of many members, one of which a user has left since the snapshot.

use super::*;

/// More members than ten pages have.
const MEMBERS: usize = 620;

/// A pool whose users are all in both groups, and its users by number. Since its snapshot, user 1 has left the first
/// group.
async fn large_groups() -> (MemoryBackend, MemoryPool, Vec<Username>) {
    let (backend, pool, _) = backend();
    let mut population = people::plain(MEMBERS, 2);
    population.people.iter_mut().for_each(|person| person.groups = 3);
    population.fill(&pool);
    export(&backend).await;
    let usernames: Vec<_> = (0..MEMBERS).map(|number| people::username(number, number as u8)).collect();
    let user = |number: usize| {
        let users = pool.users().into_iter();
        users
            .map(|user| (user.sub, user.record.username))
            .find(|(_, name)| *name == usernames[number])
            .unwrap()
    };
    pool.leave(&user(1).0, &people::group_name(0));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    (backend, pool, usernames)
}

/// Restores these users into a pool. Returns created memberships and those that were there, and the calls of both
/// operations that can tell them apart.
async fn restored(backend: &MemoryBackend, into: &PoolId, usernames: &[Username]) -> ([u64; 2], [usize; 2]) {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let from = backend.script().log().len();
    let select = json!({"usernames": usernames});
    let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": into, "tps": 200, "existing": "update", "select": select});
    let report = Machine::new(backend).import(input, &format!("import-{from}")).await.report();
    assert_eq!(report["status"], "SUCCEEDED", "{report}");
    let memberships = &report["memberships"];
    let counted = ["created", "alreadyThere"].map(|name| memberships[name].as_u64().unwrap());
    let log = backend.script().log().split_off(from);
    let calls = |wanted| log.iter().filter(|(_, operation)| *operation == wanted).count();
    (counted, [Operation::AdminListGroupsForUser, Operation::ListUsersInGroup].map(calls))
}

#[test]
fn a_membership_in_a_large_group_that_a_selected_user_has_is_not_counted_as_created() {
    in_paused_time(async {
        let (backend, _, usernames) = large_groups().await;
        let own = source_id();
        assert_eq!(restored(&backend, &own, &usernames[..1]).await, ([0, 2], [1, 0]));
        assert_eq!(restored(&backend, &own, &usernames[..3]).await, ([1, 5], [3, 0]));
        // The second time, all of it is there.
        assert_eq!(restored(&backend, &own, &usernames[..3]).await, ([0, 6], [3, 0]));
    });
}

/// The groups have 22 pages.
#[test]
fn the_members_of_groups_are_listed_if_that_takes_fewer_calls_than_the_selected_users() {
    in_paused_time(async {
        let (backend, _, usernames) = large_groups().await;
        assert_eq!(restored(&backend, &source_id(), &usernames[..21]).await, ([1, 41], [21, 0]));
        assert_eq!(restored(&backend, &source_id(), &usernames[..22]).await, ([0, 44], [0, 22]));
    });
}

#[test]
fn a_membership_that_a_selected_user_has_in_another_pool_is_not_counted_as_created() {
    in_paused_time(async {
        let (backend, _, usernames) = large_groups().await;
        let other = target_id();
        // A user that the restore creates has no memberships, so no call asks for them.
        assert_eq!(restored(&backend, &other, &usernames[..2]).await, ([4, 0], [0, 0]));
        assert_eq!(restored(&backend, &other, &usernames[..3]).await, ([2, 4], [2, 0]));
        let target = backend.pool(&other);
        let gone = target.users().remove(0).sub;
        let left = people::group_name(1);
        target.leave(&gone, &left);
        assert_eq!(restored(&backend, &other, &usernames[..3]).await, ([1, 5], [3, 0]));
    });
}

#[test]
fn the_groups_of_a_selected_user_may_come_on_several_pages() {
    in_paused_time(async {
        let (backend, pool, usernames) = large_groups().await;
        for shape in [
            PageShape { sizes: vec![0, 1], ..PageShape::default() },
            PageShape { sizes: vec![1], dangling: true, ..PageShape::default() },
        ] {
            pool.set_shape(shape);
            assert_eq!(restored(&backend, &source_id(), &usernames[..1]).await.0, [0, 2]);
        }
        pool.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
        let script = backend.script().clone();
        backend.script().change_before(Operation::AdminListGroupsForUser, 1, move || {
            script.fault(script.calls() + 1, Fault::RejectToken);
        });
        // The listing starts again.
        assert_eq!(restored(&backend, &source_id(), &usernames[..1]).await, ([0, 2], [4, 0]));
    });
}

/// Without the answer, the call that adds the user decides. It has no effect on a member.
#[test]
fn a_refused_look_up_of_groups_fails_no_membership() {
    in_paused_time(async {
        let (backend, _, usernames) = large_groups().await;
        let refused = Fault::Refuse(PoolErrorKind::Refused);
        backend.script().always(Operation::AdminListGroupsForUser, Some(refused));
        assert_eq!(restored(&backend, &source_id(), &usernames[..2]).await.0, [4, 0]);
    });
}
