//! Goal: the backup follows all rules of the strict proxy, sends no message, and an export makes no user
//! active.
//!
//! Method: export and restore a pool through the strict proxy, then read the proxy's refusals and counts.

use anyhow::Result;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_and_a_restore_break_no_rule_of_cognito_and_send_no_message() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(70).await?;
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    assert_eq!(world.stack.strict.active_users(&source), 0, "an export makes no user active");
    world.restore(&source, &target).await?.success()?;
    let refusals = world.stack.strict.refusals();
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_eq!((world.stack.strict.messages(&source), world.stack.strict.messages(&target)), (0, 0));
    assert_eq!(world.stack.strict.active_users(&target), 70, "each created user is active");
    Ok(())
}
