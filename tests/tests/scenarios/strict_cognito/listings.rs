//! Sizes, tokens, pages, filters.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::operation::list_users::builders::ListUsersFluentBuilder;
use local::strict::PageSettings;

use super::{Front, INVALID, error};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_more_than_sixty_is_refused() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(1).await?;
    front.client.create_group().user_pool_id(&pool).group_name("g").send().await?;
    for (limit, expected) in [(61, INVALID), (-1, INVALID), (60, "none")] {
        assert_eq!(error(front.client.list_users().user_pool_id(&pool).limit(limit).send().await), expected);
        assert_eq!(error(front.client.list_groups().user_pool_id(&pool).limit(limit).send().await), expected);
        let members = front.client.list_users_in_group().user_pool_id(&pool).group_name("g").limit(limit);
        assert_eq!(error(members.send().await), expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_listing_and_for_an_hour() -> Result<()> {
    let front = Front::new().await?;
    let (pool, other) = (front.pool_of(5).await?, front.pool_of(5).await?);
    front.strict.stop_clock();
    let list = |pool: &str, limit| front.client.list_users().user_pool_id(pool).limit(limit);
    let token = list(&pool, 2).send().await?.pagination_token.unwrap();
    let with = |call: ListUsersFluentBuilder| call.pagination_token(&token).send();
    assert_eq!(error(with(list(&pool, 2)).await), "none");
    assert_eq!(error(with(list(&pool, 3)).await), INVALID, "another limit");
    assert_eq!(error(with(list(&other, 2)).await), INVALID, "another pool");
    assert_eq!(error(with(list(&pool, 2).filter("username ^= \"u\"")).await), INVALID, "another filter");
    let groups = front.client.list_groups().user_pool_id(&pool).limit(2).next_token(&token).send().await;
    assert_eq!(error(groups), INVALID, "another operation");
    for garbage in ["2", "more", &token[1..]] {
        assert_eq!(error(list(&pool, 2).pagination_token(garbage).send().await), INVALID, "{garbage}");
    }
    front.strict.advance_clock(Duration::from_secs(3_599));
    assert_eq!(error(with(list(&pool, 2)).await), "none");
    front.strict.advance_clock(Duration::from_secs(1));
    assert_eq!(error(with(list(&pool, 2)).await), INVALID, "an hour later");
    Ok(())
}

/// The usernames of each page of a listing, by pages of four.
async fn pages(front: &Front, pool: &str) -> Result<Vec<Vec<String>>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let page = front.client.list_users().user_pool_id(pool).limit(4).set_pagination_token(token).send().await?;
        pages.push(page.users().iter().filter_map(|user| user.username.clone()).collect());
        token = page.pagination_token;
        if token.is_none() {
            return Ok(pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_be_short_or_empty_and_show_somebody_again() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(8).await?;
    let sizes = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&pages(&front, &pool).await?), [4, 4]);

    front.strict.change_settings(|settings| settings.pages = PageSettings { sizes: vec![3, 0, 9, 1], repeats: 0 });
    let planned = pages(&front, &pool).await?;
    assert_eq!(sizes(&planned), [3, 0, 4, 1, 0], "the last page is empty: only a null token is the end");
    assert_eq!(planned.concat().into_iter().collect::<BTreeSet<_>>().len(), 8);

    front.strict.change_settings(|settings| settings.pages = PageSettings { sizes: Vec::new(), repeats: 1 });
    assert_eq!(sizes(&pages(&front, &pool).await?), [4, 5]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_deleted_meanwhile_makes_nobody_else_be_skipped() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(8).await?;
    front.client.create_group().user_pool_id(&pool).group_name("g").send().await?;
    for number in 0..8 {
        let add = front.client.admin_add_user_to_group().user_pool_id(&pool).group_name("g");
        add.username(format!("u{number:03}")).send().await?;
    }
    let list = || front.client.list_users().user_pool_id(&pool).limit(3);
    let members = || front.client.list_users_in_group().user_pool_id(&pool).group_name("g").limit(3);
    let (first, first_members) = (list().send().await?, members().send().await?);
    for gone in ["u001", "u002", "u005"] {
        front.inside.admin_delete_user().user_pool_id(&pool).username(gone).send().await?;
    }
    let names = |users: &[aws_sdk_cognitoidentityprovider::types::UserType]| {
        users.iter().filter_map(|user| user.username.clone()).collect::<Vec<_>>()
    };
    let second = list().set_pagination_token(first.pagination_token).send().await?;
    assert_eq!(names(second.users()), ["u003", "u004", "u006"]);
    let second = members().set_next_token(first_members.next_token).send().await?;
    assert_eq!(names(second.users()), ["u003", "u004", "u006"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_answered_right_or_refused() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(4).await?;
    let confirm = front.client.admin_set_user_password().user_pool_id(&pool).username("u001");
    confirm.password("Correct-Horse-7").permanent(true).send().await?;
    front.client.admin_disable_user().user_pool_id(&pool).username("u002").send().await?;
    let found = async |filter: &str| {
        let answer = front.client.list_users().user_pool_id(&pool).filter(filter).send().await;
        answer.map(|page| page.users().len()).map_err(|failure| error::<(), _, _>(Err(failure)))
    };
    assert_eq!(found("cognito:user_status = \"CONFIRMED\"").await, Ok(1));
    assert_eq!(found("cognito:user_status ^= \"FORCE\"").await, Ok(3));
    assert_eq!(found("status = \"Disabled\"").await, Ok(1));
    assert_eq!(found("username ^= \"u00\"").await, Ok(4));
    assert_eq!(found("").await, Ok(4));
    for refused in ["custom:tenant = \"a\"", "email_verified = \"true\"", "username != \"u001\"", "username"] {
        assert_eq!(found(refused).await, Err(INVALID.to_owned()), "{refused}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_somebody_lacks_cannot_be_asked_for() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool(|pool| pool).await?;
    front.create(&pool, "anna", &[("name", "Anna"), ("email", "a@example.com")]).send().await?;
    let list = |attribute| front.client.list_users().user_pool_id(&pool).attributes_to_get(attribute).send();
    let shown = list("name").await?;
    assert_eq!(shown.users()[0].attributes().len(), 1, "and no other is shown");
    front.create(&pool, "bert", &[]).send().await?;
    assert_eq!(error(list("name").await), INVALID);
    assert_eq!(error(list("sub").await), "none");
    Ok(())
}
