//! What it takes to build a pool again from a captured configuration: pure, without any call.

mod domains;
mod left_out;
mod outside;
mod plan;
mod planner;
mod rewrites;
mod secrecy;
mod supplied;
#[cfg(test)]
mod tests;

pub use domains::DomainProblem;
pub use left_out::{LeftOut, LeftReason};
pub use outside::{ToDo, outside};
pub use plan::{PlanRefusal, RebuildPlan, Step, creation_writes, plan};
pub(super) use planner::{STANDARD_SCOPES, is_made_by_itself, scopes_of, take_out};
pub use rewrites::{Home, Rewrites};
pub(super) use secrecy::Secrecy;
pub use supplied::{SuppliedMap, SuppliedSecrets};
