//! Goal: the strict proxy checks page sizes, tokens and filters of listings, and no deletion makes it skip
//! a user.
//!
//! Method: list small pools through the proxy with each setting, and with changes during a listing.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::operation::list_users::builders::ListUsersFluentBuilder;
use local::strict::PageSettings;

use super::{Fixture, INVALID, error_name};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_size_above_sixty_is_refused() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(1).await?;
    fixture.client.create_group().user_pool_id(&pool).group_name("g").send().await?;
    for (limit, expected) in [(61, INVALID), (-1, INVALID), (60, "none")] {
        assert_eq!(
            error_name(fixture.client.list_users().user_pool_id(&pool).limit(limit).send().await),
            expected
        );
        assert_eq!(
            error_name(fixture.client.list_groups().user_pool_id(&pool).limit(limit).send().await),
            expected
        );
        let members = fixture.client.list_users_in_group().user_pool_id(&pool).group_name("g").limit(limit);
        assert_eq!(error_name(members.send().await), expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pagination_token_is_valid_for_its_listing_and_for_an_hour() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (pool, other) = (fixture.pool_with_users(5).await?, fixture.pool_with_users(5).await?);
    fixture.strict.stop_clock();
    let list = |pool: &str, limit| fixture.client.list_users().user_pool_id(pool).limit(limit);
    let token = list(&pool, 2).send().await?.pagination_token.unwrap();
    let with = |call: ListUsersFluentBuilder| call.pagination_token(&token).send();
    assert_eq!(error_name(with(list(&pool, 2)).await), "none");
    assert_eq!(error_name(with(list(&pool, 3)).await), INVALID, "another limit");
    assert_eq!(error_name(with(list(&other, 2)).await), INVALID, "another pool");
    assert_eq!(error_name(with(list(&pool, 2).filter("username ^= \"u\"")).await), INVALID, "another filter");
    let groups = fixture.client.list_groups().user_pool_id(&pool).limit(2).next_token(&token).send().await;
    assert_eq!(error_name(groups), INVALID, "another operation");
    for unknown in ["2", "more", &token[1..]] {
        assert_eq!(error_name(list(&pool, 2).pagination_token(unknown).send().await), INVALID, "{unknown}");
    }
    fixture.strict.advance_clock(Duration::from_secs(3_599));
    assert_eq!(error_name(with(list(&pool, 2)).await), "none");
    fixture.strict.advance_clock(Duration::from_secs(1));
    assert_eq!(error_name(with(list(&pool, 2)).await), INVALID, "an hour later");
    Ok(())
}

/// Lists a pool with a page size of 4. Returns the usernames on each page.
async fn pages(fixture: &Fixture, pool: &str) -> Result<Vec<Vec<String>>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let page = fixture
            .client
            .list_users()
            .user_pool_id(pool)
            .limit(4)
            .set_pagination_token(token)
            .send()
            .await?;
        pages.push(page.users().iter().filter_map(|user| user.username.clone()).collect());
        token = page.pagination_token;
        if token.is_none() {
            return Ok(pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_be_short_or_empty_and_can_repeat_users() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(8).await?;
    let sizes = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&pages(&fixture, &pool).await?), [4, 4]);

    fixture
        .strict
        .change_settings(|settings| settings.pages = PageSettings { sizes: vec![3, 0, 9, 1], repeats: 0 });
    let configured = pages(&fixture, &pool).await?;
    assert_eq!(
        sizes(&configured),
        [3, 0, 4, 1, 0],
        "only a null token ends a listing, so the last page is empty"
    );
    assert_eq!(configured.concat().into_iter().collect::<BTreeSet<_>>().len(), 8);

    fixture
        .strict
        .change_settings(|settings| settings.pages = PageSettings { sizes: Vec::new(), repeats: 1 });
    assert_eq!(sizes(&pages(&fixture, &pool).await?), [4, 5]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_during_a_listing_does_not_make_it_skip_another_user() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(8).await?;
    fixture.client.create_group().user_pool_id(&pool).group_name("g").send().await?;
    for number in 0..8 {
        let add = fixture.client.admin_add_user_to_group().user_pool_id(&pool).group_name("g");
        add.username(format!("u{number:03}")).send().await?;
    }
    let list = || fixture.client.list_users().user_pool_id(&pool).limit(3);
    let members = || fixture.client.list_users_in_group().user_pool_id(&pool).group_name("g").limit(3);
    let (first, first_members) = (list().send().await?, members().send().await?);
    for deleted in ["u001", "u002", "u005"] {
        fixture.direct_client.admin_delete_user().user_pool_id(&pool).username(deleted).send().await?;
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
async fn a_valid_filter_finds_its_users_and_an_invalid_filter_is_refused() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(4).await?;
    let confirm = fixture.client.admin_set_user_password().user_pool_id(&pool).username("u001");
    confirm.password("Correct-Horse-7").permanent(true).send().await?;
    fixture.client.admin_disable_user().user_pool_id(&pool).username("u002").send().await?;
    let found = async |filter: &str| {
        let answer = fixture.client.list_users().user_pool_id(&pool).filter(filter).send().await;
        answer.map(|page| page.users().len()).map_err(|failure| error_name::<(), _, _>(Err(failure)))
    };
    assert_eq!(found("cognito:user_status = \"CONFIRMED\"").await, Ok(1));
    assert_eq!(found("cognito:user_status ^= \"FORCE\"").await, Ok(3));
    assert_eq!(found("status = \"Disabled\"").await, Ok(1));
    assert_eq!(found("username ^= \"u00\"").await, Ok(4));
    assert_eq!(found("").await, Ok(4));
    for invalid in ["custom:tenant = \"a\"", "email_verified = \"true\"", "username != \"u001\"", "username"]
    {
        assert_eq!(found(invalid).await, Err(INVALID.to_owned()), "{invalid}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_cannot_ask_for_an_attribute_that_a_user_lacks() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool).await?;
    fixture.create_user(&pool, "anna", &[("name", "Anna"), ("email", "a@example.com")]).send().await?;
    let list =
        |attribute| fixture.client.list_users().user_pool_id(&pool).attributes_to_get(attribute).send();
    let page = list("name").await?;
    assert_eq!(page.users()[0].attributes().len(), 1, "the page has only the requested attribute");
    fixture.create_user(&pool, "bert", &[]).send().await?;
    assert_eq!(error_name(list("name").await), INVALID);
    assert_eq!(error_name(list("sub").await), "none");
    Ok(())
}
