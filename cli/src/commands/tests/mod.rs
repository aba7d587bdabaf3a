//! Whole commands, on scripted state machines and a table in memory.

mod copy;
mod fixture;
mod new_pool;
mod new_pool_again;
mod pool;
mod pool_apply;
mod pool_apply_back;
mod pool_apply_secrets;
mod pool_apply_stopped;
mod pool_create;
mod pool_diff;
mod prune;
mod runs;
mod status;
mod sub_map;
mod verify;
