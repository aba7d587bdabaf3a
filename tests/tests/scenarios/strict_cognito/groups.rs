//! Names and numbers of groups.

use anyhow::Result;

use super::{Front, INVALID, error};

#[tokio::test(flavor = "multi_thread")]
async fn groups_have_names_and_limits() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(1).await?;
    front.strict.change_settings(|settings| (settings.max_groups_per_pool, settings.max_groups_per_user) = (2, 1));
    let create = |name: &str| front.client.create_group().user_pool_id(&pool).group_name(name).send();
    assert_eq!(error(create("with space").await), INVALID);
    assert_eq!(error(create(&"x".repeat(129)).await), INVALID);
    assert_eq!(error(create("a").await), "none");
    assert_eq!(error(create("b").await), "none");
    assert_eq!(error(create("b").await), "GroupExistsException");
    assert_eq!(error(create("c").await), "LimitExceededException");
    let add = |group: &str| front.client.admin_add_user_to_group().user_pool_id(&pool).username("u000").group_name(group).send();
    assert_eq!(error(add("a").await), "none");
    assert_eq!(error(add("a").await), "none", "again is no more");
    assert_eq!(error(add("b").await), "LimitExceededException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_was_never_given_is_not_shown() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(1).await?;
    let create = |name: &str| front.client.create_group().user_pool_id(&pool).group_name(name);
    create("bare").send().await?;
    create("full").precedence(0).description("").send().await?;
    let shown = async |name: &str| -> Result<_> {
        let group = front.client.get_group().user_pool_id(&pool).group_name(name).send().await?.group.unwrap();
        Ok((group.precedence, group.description, group.role_arn))
    };
    assert_eq!(shown("bare").await?, (None, None, None));
    assert_eq!(shown("full").await?, (Some(0), Some(String::new()), None));
    let listed = front.client.list_groups().user_pool_id(&pool).send().await?;
    assert_eq!(listed.groups().iter().map(|group| group.precedence).collect::<Vec<_>>(), [None, Some(0)]);
    Ok(())
}
