//! The measurements of one pool.

use std::path::Path;

use anyhow::Result;
use local::build::Executables;
use local::population::LargeUsers;

use super::memory::Memory;
use super::stage::{Bare, Run, Stage};
use crate::progress::say;

/// The calls per second of the paced exports: the default of a deployment.
pub(super) const PACED: u16 = 10;
/// The calls per second of the other runs: the highest that a run accepts, so that it does not slow them.
pub(super) const UNPACED: u16 = 200;

/// The measurements of one pool.
pub(super) struct Measured {
    /// Users in the pool.
    pub users: usize,
    /// The first export, at [`PACED`].
    pub first: Run,
    /// The export after it, with nothing changed, at [`PACED`].
    pub second: Run,
    /// The import into a fresh pool, at [`UNPACED`].
    pub restore: Run,
    /// The first export of the restored pool, at [`UNPACED`].
    pub unpaced: Run,
    /// The export after it, with nothing changed, at [`UNPACED`].
    pub unpaced_second: Run,
    /// A listing of the restored pool by a plain client, without backup and limit.
    pub bare: Bare,
    /// The peak memory of each function.
    pub memory: Memory,
}

/// Measures one pool in its own local AWS.
pub(super) async fn measure(executables: &Executables, users: usize) -> Result<Measured> {
    say(&format!("a pool of {users} users"))?;
    let stage = Stage::up(executables).await?;
    let source = stage.fill(users).await?;
    let first = stage.export("first export", &source, PACED).await?;
    let second = stage.export("second export, nothing changed", &source, PACED).await?;
    let (target, restore) = stage.restore(&source, UNPACED).await?;
    let unpaced = stage.export("first export of the restored pool", &target, UNPACED).await?;
    let unpaced_second = stage.export("second export of the restored pool", &target, UNPACED).await?;
    let bare = stage.list_bare(&target).await?;
    Ok(Measured {
        users,
        first,
        second,
        restore,
        unpaced,
        unpaced_second,
        bare,
        memory: stage.finish().await?,
    })
}

/// Measures the memory of the functions with large users: a first export, an export after that with a split listing, a
/// plan, and an import with its verification. Also that of the command `verify`.
pub(super) async fn measure_large(
    executables: &Executables,
    command_line: &Path,
    users: usize,
    size: LargeUsers,
) -> Result<Memory> {
    say(&format!("a pool of {users} large users"))?;
    let stage = Stage::up(executables).await?;
    let source = stage.fill_large(users, size).await?;
    stage.export("first export", &source, UNPACED).await?;
    stage.split_export(&source, UNPACED).await?;
    let target = stage.restore_large(&source, UNPACED).await?;
    let verify = stage.verify(command_line, &source, &target, UNPACED).await?;
    let mut memory = stage.finish().await?;
    memory.insert("the command verify".into(), verify);
    Ok(memory)
}
