//! A captured configuration as code for CloudFormation and Terraform, with what it takes to import the live pool: pure,
//! without any call, and without the syntax of the files.
//!
//! The code has what a request to Cognito would have: see [`request`](super::request). It never has a secret.

mod build;
mod gap;
mod labels;
mod members;
mod places;
mod resource;
#[cfg(test)]
mod tests;
mod value;

pub use build::as_code;
pub use gap::{Gap, GapReason};
pub use resource::{Identity, Ignored, Resource};
pub use value::{Attribute, Code, Members, Reference};

/// A tool that keeps infrastructure as code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    CloudFormation,
    /// With the provider `hashicorp/aws`.
    Terraform,
}

impl Tool {
    pub const ALL: [Self; 2] = [Self::CloudFormation, Self::Terraform];

    /// The name, for a reader.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudFormation => "CloudFormation",
            Self::Terraform => "Terraform",
        }
    }
}

/// A configuration as code.
#[derive(Debug)]
pub struct PoolAsCode {
    /// Each comes after the resources to which it refers.
    pub resources: Vec<Resource>,
    /// What the operator supplies.
    pub secrets: Vec<SecretParameter>,
    /// What the code does not have.
    pub gaps: Vec<Gap>,
}

/// A secret that the code takes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretParameter {
    /// The name of the parameter or variable.
    pub name: String,
    /// The object that needs it, and its member: `identityProviders/Google ProviderDetails.client_secret`.
    pub of: String,
}
