//! The resources of the tools.

use super::{Members, Tool};
use crate::model::configuration::{ObjectKind, ObjectName};

/// One resource.
#[derive(Debug)]
pub struct Resource {
    /// The object that it keeps.
    pub object: ObjectName,
    /// Its type in the tool.
    pub kind: &'static str,
    /// Its name in the code. In CloudFormation, no other resource has it. In Terraform, none of its type.
    pub label: String,
    pub members: Members,
    pub identity: Identity,
    /// The resources that come before it although it does not refer to them, by type and label.
    pub after: Vec<(&'static str, String)>,
    /// Whether Terraform has to refuse a plan that deletes or replaces it. CloudFormation keeps every object.
    pub is_protected: bool,
    /// What Terraform must not compare with the live object. CloudFormation compares nothing.
    pub ignored: Vec<Ignored>,
}

/// A member that a tool must not compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Its path. `[0]` behind a name is the only block of that name.
    pub member: &'static str,
    /// The key, if it is only one key of a map.
    pub key: Option<String>,
}

impl Ignored {
    pub(super) fn member(member: &'static str) -> Self {
        Self { member, key: None }
    }
}

/// Whether a deletion of an object of the kind loses ids, secrets or data, or stops the sign-in.
pub(super) fn is_worth_protection(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::UserPool
            | ObjectKind::Client
            | ObjectKind::IdentityProvider
            | ObjectKind::ResourceServer
            | ObjectKind::Domain
            | ObjectKind::Branding
            | ObjectKind::Replica
    )
}

/// What finds the live object for an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The properties of the primary identifier, with their values.
    Properties(Vec<(&'static str, String)>),
    /// The text that the provider reads.
    Text(String),
}

/// The type of the resource that keeps objects of the kind. None if the tool has none.
///
/// Both tools keep the second factors in the resource of the pool.
pub(super) fn type_of(kind: ObjectKind, tool: Tool) -> Option<&'static str> {
    let (cloudformation, terraform) = match kind {
        ObjectKind::UserPool => ("AWS::Cognito::UserPool", "aws_cognito_user_pool"),
        ObjectKind::Client => ("AWS::Cognito::UserPoolClient", "aws_cognito_user_pool_client"),
        ObjectKind::IdentityProvider => {
            ("AWS::Cognito::UserPoolIdentityProvider", "aws_cognito_identity_provider")
        }
        ObjectKind::ResourceServer => ("AWS::Cognito::UserPoolResourceServer", "aws_cognito_resource_server"),
        ObjectKind::Domain => ("AWS::Cognito::UserPoolDomain", "aws_cognito_user_pool_domain"),
        ObjectKind::UiCustomization => {
            ("AWS::Cognito::UserPoolUICustomizationAttachment", "aws_cognito_user_pool_ui_customization")
        }
        ObjectKind::Branding => ("AWS::Cognito::ManagedLoginBranding", "aws_cognito_managed_login_branding"),
        ObjectKind::RiskConfiguration => {
            ("AWS::Cognito::UserPoolRiskConfigurationAttachment", "aws_cognito_risk_configuration")
        }
        ObjectKind::LogDelivery => {
            ("AWS::Cognito::LogDeliveryConfiguration", "aws_cognito_log_delivery_configuration")
        }
        // terraform-provider-aws #45604 asks for it.
        ObjectKind::Terms => ("AWS::Cognito::Terms", ""),
        ObjectKind::Replica => ("AWS::Cognito::UserPoolReplica", "aws_cognito_user_pool_replica"),
        ObjectKind::WebAcl => ("AWS::WAFv2::WebACLAssociation", "aws_wafv2_web_acl_association"),
        ObjectKind::Mfa
        | ObjectKind::ClientSecrets
        | ObjectKind::Sessions
        | ObjectKind::CimdPolicy
        | ObjectKind::SigningCertificate => ("", ""),
    };
    let name = match tool {
        Tool::CloudFormation => cloudformation,
        Tool::Terraform => terraform,
    };
    (!name.is_empty()).then_some(name)
}
