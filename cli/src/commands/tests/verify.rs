//! `verify`.

use std::future::pending;

use serde_json::{Value, json};
use shared::model::PoolDescription;

use super::fixture::{Closed, exported, imported, lose_record, plan};
use crate::exit::ExitStatus;
use crate::output::Answer;
use crate::testing;

#[tokio::test(start_paused = true)]
async fn verify_of_a_pool_that_equals_its_snapshot_ends_with_0() {
    let (fixture, _, id) = exported(130).await;
    let (result, stderr) =
        fixture.run(&format!("verify --snapshot {id} --against eu-west-1_a --tps 20")).await;
    let answer = result.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Done, Some("COMPLETE")));
    assert_eq!(
        (&answer.json["users"]["same"], &answer.json["memberships"]["present"]),
        (&json!(130), &json!(130))
    );
    assert_eq!(
        (&answer.json["calls"]["total"], &answer.json["calls"]["limitPerSecond"]),
        (&json!(1 + 3 + 1 + 3), &json!(20))
    );
    assert!(answer.human.contains("holds everything") && !answer.human.contains("Next:"), "{}", answer.human);
    insta::assert_snapshot!(stderr.replace(id.as_str(), "ID"));
}

#[tokio::test(start_paused = true)]
async fn verify_of_a_pool_that_lacks_users_ends_with_3_and_names_the_first() {
    let (fixture, pool, _) = exported(130).await;
    let mut users = pool.users();
    users.sort_by(|one, other| one.sub.cmp(&other.sub));
    users[..20].iter().for_each(|user| pool.delete_user(&user.sub));
    pool.change_user(&users[20].sub, |record| record.enabled = false);
    let line = "verify --pool eu-west-1_a --against eu-west-1_a";
    let answer = fixture.run(line).await.0.unwrap();
    assert_eq!((answer.status, answer.json["status"].as_str()), (ExitStatus::Partial, Some("PARTIAL")));
    assert_eq!(
        (&answer.json["users"]["missing"], &answer.json["memberships"]["missing"]),
        (&json!(20), &json!(20))
    );
    assert_eq!(
        (answer.json["findings"].as_array().map(Vec::len), &answer.json["findingsLeftOut"]),
        (Some(11), &json!(30))
    );
    assert!(
        answer.human.contains("30 more: --all shows all of them.") && !answer.human.contains("person-"),
        "{}",
        answer.human
    );

    let mut out = Vec::new();
    let answer = fixture.run_into(&format!("{line} --all"), pending(), &mut out).await.0.unwrap();
    assert_eq!(answer, Answer::already_written(ExitStatus::Partial));
    let text = String::from_utf8(out).unwrap();
    assert_eq!((text.matches("\nuser ").count(), text.matches("\nmembership ").count()), (21, 20), "{text}");
    let mut out = Vec::new();
    assert!(fixture.run_into(&format!("{line} --all --json"), pending(), &mut out).await.0.is_ok());
    let object: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        (object["findings"].as_array().map(Vec::len), &object["findingsLeftOut"]),
        (Some(41), &json!(0))
    );

    let gone = fixture
        .run_into(&format!("{line} --all"), pending(), &mut Closed(std::io::ErrorKind::BrokenPipe))
        .await
        .0;
    assert_eq!(gone.unwrap().status, ExitStatus::Partial);
    let full = fixture
        .run_into(&format!("{line} --all"), pending(), &mut Closed(std::io::ErrorKind::StorageFull))
        .await
        .0;
    assert_eq!(full.unwrap_err().error, "OutputFailed");
}

#[tokio::test(start_paused = true)]
async fn verify_of_a_snapshot_with_a_damaged_record_ends_with_3_and_its_advice_leaves_the_user_out() {
    let (fixture, pool, _) = exported(5).await;
    let users = pool.users();
    let lost = &users[0].sub;
    lose_record(&fixture, lost);
    let line = "verify --pool eu-west-1_a --against eu-west-1_a";
    let answer = fixture.run(line).await.0.unwrap();
    let counts = |answer: &Answer| {
        ["same", "damaged", "different", "missing"].map(|count| answer.json["users"][count].as_u64().unwrap())
    };
    assert_eq!((answer.status, counts(&answer)), (ExitStatus::Partial, [4, 1, 0, 0]));
    assert!(
        answer.human.contains("Next: 1 record is damaged. ") && !answer.human.contains("import --pool"),
        "{}",
        answer.human
    );
    pool.change_user(&users[1].sub, |record| record.enabled = false);
    let answer = fixture.run(line).await.0.unwrap();
    assert_eq!((answer.status, counts(&answer)), (ExitStatus::Partial, [3, 1, 1, 0]));
    let advice = format!(" --existing update --except-sub {lost}\n");
    assert!(answer.human.contains(&advice), "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_a_damaged_record_ends_with_3() {
    for is_damaged in [false, true] {
        let (fixture, pool, id) = exported(5).await;
        fixture.backend.create_pool(&testing::pool("b"), PoolDescription::with_defaults(&[]));
        if is_damaged {
            lose_record(&fixture, &pool.users()[0].sub);
        }
        let (source, target) = ("eu-west-1_a", "eu-west-1_b");
        let input = json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": id});
        plan(&fixture, input).await;
        let line = format!("import --pool {source} --into {target} --snapshot {id} --plan");
        let answer = fixture.run(&line).await.0.unwrap();
        let expected = if is_damaged { ExitStatus::Partial } else { ExitStatus::Done };
        assert_eq!(answer.status, expected, "{}", answer.human);
        assert_eq!(answer.json["damaged"], u64::from(is_damaged));
        assert_eq!(answer.human.contains("Next: 1 record is damaged. "), is_damaged, "{}", answer.human);
        assert_eq!(answer.human.contains("export --pool eu-west-1_a"), is_damaged, "{}", answer.human);
        assert!(!answer.human.contains("--existing"), "{}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn verify_advises_an_import_with_the_region_and_the_table_of_its_own() {
    let (fixture, pool, id) = exported(3).await;
    pool.delete_user(&pool.users()[0].sub);
    let places = "--table other --region eu-west-1";
    let line = format!("verify --snapshot {id} --against eu-west-1_a {places}");
    let answer = fixture.run(&line).await.0.unwrap();
    let import = format!(
        "cognito-backup import --pool eu-west-1_a --into eu-west-1_a --snapshot {id} --existing skip {places}\n"
    );
    assert!(answer.human.contains(&import), "{}", answer.human);
}

/// The advised import is a new restore, whose sub map would be kept as the deployment says.
#[tokio::test(start_paused = true)]
async fn the_import_that_verify_advises_keeps_the_sub_map_as_long_as_the_restore() {
    for days in [json!(400), json!("forever"), Value::Null] {
        let (fixture, _, id) = exported(3).await;
        let target = fixture.backend.create_pool(&testing::pool("b"), PoolDescription::with_defaults(&[]));
        let mut input =
            json!({"sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": "eu-west-1_b", "snapshot": id});
        if !days.is_null() {
            input["subMapRetention"] = days.clone();
        }
        imported(&fixture, input).await;
        target.delete_user(&target.users()[0].sub);
        let line = format!("verify --snapshot {id} --against eu-west-1_b");
        let answer = fixture.run(&line).await.0.unwrap();
        let option = match &days {
            Value::Null => "\n".to_owned(),
            days => {
                format!(" --sub-map-retention {}\n", days.as_str().map_or(days.to_string(), str::to_owned))
            }
        };
        let advice = format!("--snapshot {id} --existing skip{option}");
        assert!(answer.human.contains(&advice), "{advice}: {}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn a_comparison_without_its_snapshot_or_pool_is_refused() {
    let (fixture, _, id) = exported(3).await;
    for (line, error) in [
        (
            "verify --snapshot 20200101T000000000Z-00000000 --against eu-west-1_a".to_owned(),
            "SnapshotNotFound",
        ),
        ("verify --pool eu-west-1_c --against eu-west-1_a".to_owned(), "SnapshotNotFound"),
        (format!("verify --snapshot {id} --pool eu-west-1_c --against eu-west-1_a"), "SnapshotOfAnotherPool"),
        (format!("verify --snapshot {id} --against eu-west-1_nowhere"), "PoolNotFound"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(!problem.guidance.is_empty());
    }
}
