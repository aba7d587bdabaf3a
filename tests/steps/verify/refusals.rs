//! Snapshots and pools that cannot be compared.

use super::*;

#[test]
fn verify_refuses_an_unusable_snapshot_before_it_lists_the_pool() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(1_000, 1)).await;
        let snapshot = export(&backend, "second").await;
        let refused = async |selector: &SnapshotSelector, kind: ErrorKind| {
            let calls = backend.script().log().len();
            let error = try_verify(&backend, selector, &source_id()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.guidance().is_none());
            let log = backend.script().log();
            assert!(
                log[calls..].iter().all(|(_, operation)| *operation == Operation::DescribeUserPool),
                "{log:?}"
            );
        };
        let id = SnapshotSelector::Id(snapshot.clone());
        let unknown = SnapshotSelector::Id(RunId::parse("20200101T000000000Z-00000000").unwrap());
        refused(&unknown, ErrorKind::SnapshotNotFound).await;

        let catalog = Catalog::new(backend.vault());
        let members = Listing::Members { group: source.groups()[0].0.name.clone() };
        for (listing, number) in
            [(&Listing::Users, 1), (&Listing::Users, 17), (&Listing::Groups, 1), (&members, 1)]
        {
            let (key, _) = catalog.page(&snapshot, &listing.unit_id(), 1, number).await.unwrap();
            let page = backend.vault().remove(&key).unwrap();
            refused(&id, ErrorKind::SnapshotDamaged).await;
            backend.vault().put_by_hand(&key, page);
        }
        // A batch in the position of another batch counts as damaged.
        let users = Listing::Users.unit_id();
        let (first, _) = catalog.page(&snapshot, &users, 1, 1).await.unwrap();
        let (second, _) = catalog.page(&snapshot, &users, 1, 17).await.unwrap();
        let page = backend.vault().remove(&second).unwrap();
        backend.vault().put_by_hand(&second, backend.vault().items().remove(&first).unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
        backend.vault().put_by_hand(&second, page);
        // So does a sound batch that was never sealed.
        let unit = catalog.unit(&snapshot, &users).await.unwrap().unwrap();
        let sealed = catalog.batch_with(&snapshot, &unit, 1).await.unwrap().unwrap();
        let mut pages = sealed.verified(&users).unwrap();
        pages[0].0.pop();
        let mut other = PageBatch::following(None);
        pages.iter().for_each(|page| other.push(&users, page, 0, sealed.next_token.clone()));
        let page = backend.vault().remove(&first).unwrap();
        backend.vault().put_by_hand(&first, serde_dynamo::to_item(other).unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
        backend.vault().put_by_hand(&first, page);
        assert!(try_verify(&backend, &id, &source_id()).await.unwrap().0.is_complete());
        let unit = backend
            .vault()
            .items()
            .into_keys()
            .find(|key| key.sk == "UNIT#users" && key.pk.contains(snapshot.as_str()));
        backend.vault().remove(&unit.unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
    });
}

#[test]
fn verify_explains_why_a_pool_cannot_be_read() {
    in_paused_time(async {
        let (backend, _, _) = exported(&people::plain(3, 0)).await;
        let nowhere = PoolId::parse("eu-west-1_Nowhere1").unwrap();
        let error = try_verify(&backend, &SnapshotSelector::Latest, &nowhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolNotFound);
        let look_up =
            "Look up the error code in the Cognito API reference, remove the cause and start again.";
        for (fault, kind, guidance) in [
            (
                PoolErrorKind::AccessDenied,
                ErrorKind::AccessDenied,
                Guidance::GrantCall { operation: "ListUsers" },
            ),
            (PoolErrorKind::Throttled, ErrorKind::Throttled, Guidance::LowerLimit),
            (PoolErrorKind::Transient, ErrorKind::ServiceUnavailable, Guidance::TryLater),
            (PoolErrorKind::Refused, ErrorKind::CallRefused, Guidance::from(look_up)),
        ] {
            backend.script().always(Operation::ListUsers, Some(Fault::Refuse(fault)));
            let error = try_verify(&backend, &SnapshotSelector::Latest, &source_id()).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(
                !error.message().contains("state machine") && !error.message().contains("function"),
                "{error}"
            );
            assert_eq!(*error.guidance(), guidance);
        }
    });
}
