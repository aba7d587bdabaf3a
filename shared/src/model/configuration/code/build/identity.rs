//! What finds the live objects for an import.
//!
//! Sources: `primaryIdentifier` of each schema of CloudFormation; the section "Import" of each resource of Terraform.

use serde_json::Value;

use super::super::{Identity, Tool};
use super::Builder;
use crate::model::configuration::{ObjectKind, ObjectName};

impl Builder<'_> {
    /// What finds the live object of a resource.
    pub(super) fn identity(&self, name: &ObjectName, document: &Value) -> Identity {
        let pool = self.pool.as_str();
        let of_document = |member: &str| document[member].as_str().unwrap_or_default().to_owned();
        let id = &name.id;
        let client = name.client().unwrap_or(id);
        match self.tool {
            Tool::CloudFormation => {
                let (member, value) = match name.kind {
                    ObjectKind::LogDelivery => return Identity::Properties(vec![("Id", pool.to_owned())]),
                    ObjectKind::WebAcl => {
                        let arn = self.pool_arn().unwrap_or_default().to_owned();
                        let acl = ("WebACLArn", of_document("ARN"));
                        return Identity::Properties(vec![("ResourceArn", arn), acl]);
                    }
                    ObjectKind::Client | ObjectKind::UiCustomization | ObjectKind::RiskConfiguration => {
                        ("ClientId", client.to_owned())
                    }
                    ObjectKind::IdentityProvider => ("ProviderName", id.clone()),
                    ObjectKind::ResourceServer => ("Identifier", id.clone()),
                    ObjectKind::Domain => ("Domain", id.clone()),
                    ObjectKind::Branding => ("ManagedLoginBrandingId", of_document("ManagedLoginBrandingId")),
                    ObjectKind::Terms => ("TermsId", of_document("TermsId")),
                    ObjectKind::Replica => ("RegionName", id.clone()),
                    _ => return Identity::Properties(vec![("UserPoolId", pool.to_owned())]),
                };
                Identity::Properties(vec![("UserPoolId", pool.to_owned()), (member, value)])
            }
            Tool::Terraform => Identity::Text(match name.kind {
                ObjectKind::Client => format!("{pool}/{id}"),
                ObjectKind::IdentityProvider => format!("{pool}:{id}"),
                ObjectKind::ResourceServer => format!("{pool}|{id}"),
                ObjectKind::Domain => id.clone(),
                ObjectKind::RiskConfiguration if name.client().is_some() => format!("{pool}:{client}"),
                ObjectKind::UiCustomization => format!("{pool},{client}"),
                ObjectKind::Branding => format!("{pool},{}", of_document("ManagedLoginBrandingId")),
                ObjectKind::Replica => format!("{pool},{id}"),
                ObjectKind::WebAcl => {
                    format!("{},{}", of_document("ARN"), self.pool_arn().unwrap_or_default())
                }
                _ => pool.to_owned(),
            }),
        }
    }
}
