//! What it takes to bring a live pool back to a captured configuration: pure, without any call.
//!
//! [`plan`] compares the pool with the capture. Each difference is in one of two places:
//!
//! - in a [step](ApplyStep): the roll back removes it. A step belongs to one object. It has the object that is sent,
//!   which is never shown.
//! - in [`ApplyPlan::left`]: it stays, with the [reason](ApplyReason).
//!
//! In these differences, `old` is what the pool has now, and `new` is what the snapshot has. So `added` means that
//! only the snapshot has it, and `removed` that only the pool has it.
//!
//! A request has the complete object. What must stay has its present value in it. An object whose complete form equals
//! the present one has no step. So a second roll back has nothing to do.
//!
//! | file | what it decides |
//! |---|---|
//! | [`choices`] | what the operator asks for and allows |
//! | [`reason`] | why a difference stays |
//! | [`planner`] | what each object becomes, and which differences stay |
//! | [`secrets`] | which secrets a plan replaces or deletes |
//! | [`tags`] | which tags stay as they are |
//! | [`order`] | the writes, in an order in which Cognito takes each |

mod choices;
mod order;
mod plan;
mod planner;
mod reason;
mod secrets;
mod tags;
#[cfg(test)]
mod tests;

pub use choices::{Allow, ApplyChoices, Part, UnknownName};
pub use plan::{Act, Action, ApplyPlan, ApplyRefusal, ApplyStep, Left, PlannedWrite, Side, plan, plan_after};
pub use planner::{differing_fields, is_same_object};
pub use reason::ApplyReason;
pub use secrets::{SecretsAtRisk, lacking_secrets};
