//! Goal: the strict proxy checks the names and limits of groups, and returns only the fields that a client
//! set.
//!
//! Method: create groups through the proxy with small limits, and read them.

use anyhow::Result;

use super::{Fixture, INVALID, error_name};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_a_wrong_name_or_beyond_a_limit_is_refused() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(1).await?;
    fixture
        .strict
        .change_settings(|settings| (settings.max_groups_per_pool, settings.max_groups_per_user) = (2, 1));
    let create = |name: &str| fixture.client.create_group().user_pool_id(&pool).group_name(name).send();
    assert_eq!(error_name(create("with space").await), INVALID);
    assert_eq!(error_name(create(&"x".repeat(129)).await), INVALID);
    assert_eq!(error_name(create("a").await), "none");
    assert_eq!(error_name(create("b").await), "none");
    assert_eq!(error_name(create("b").await), "GroupExistsException");
    assert_eq!(error_name(create("c").await), "LimitExceededException");
    let add = |group: &str| {
        let request = fixture.client.admin_add_user_to_group().user_pool_id(&pool).username("u000");
        request.group_name(group).send()
    };
    assert_eq!(error_name(add("a").await), "none");
    assert_eq!(error_name(add("a").await), "none", "an existing membership does not count twice");
    assert_eq!(error_name(add("b").await), "LimitExceededException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_returned_without_the_fields_that_no_client_set() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(1).await?;
    let create = |name: &str| fixture.client.create_group().user_pool_id(&pool).group_name(name);
    create("bare").send().await?;
    create("full").precedence(0).description("").send().await?;
    let fields_of = async |name: &str| -> Result<_> {
        let group =
            fixture.client.get_group().user_pool_id(&pool).group_name(name).send().await?.group.unwrap();
        Ok((group.precedence, group.description, group.role_arn))
    };
    assert_eq!(fields_of("bare").await?, (None, None, None));
    assert_eq!(fields_of("full").await?, (Some(0), Some(String::new()), None));
    let listed = fixture.client.list_groups().user_pool_id(&pool).send().await?;
    assert_eq!(listed.groups().iter().map(|group| group.precedence).collect::<Vec<_>>(), [None, Some(0)]);
    Ok(())
}
