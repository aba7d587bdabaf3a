//! The backup itself, by the rules of Cognito.

use anyhow::Result;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_and_a_restore_break_no_rule_and_bother_nobody() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(70).await?;
    let target = world.empty_pool().await?;
    world.snapshot(&source).await?;
    assert_eq!(world.stack.strict.active_users(&source), 0, "an export makes nobody an active user");
    world.restore(&source, &target).await?.success()?;
    let refusals = world.stack.strict.refusals();
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_eq!((world.stack.strict.messages(&source), world.stack.strict.messages(&target)), (0, 0));
    assert_eq!(world.stack.strict.active_users(&target), 70, "creation does");
    Ok(())
}
