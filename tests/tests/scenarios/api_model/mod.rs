//! Goal: the table of a pool's configuration has every member of the API, and says the same about each as the
//! API.
//!
//! Method: read the model that botocore ships, and compare answers and requests with the rows. Then change
//! the model, and demand that the comparison notices.

mod check;
mod model;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use check::{Difference, EXCEPTIONS, Models};
use local::python::Python;
use model::{Model, SCRIPT};
use serde_json::json;
use shared::model::configuration::{OPERATIONS, ObjectKind, Operations};

fn load(python: &Python, folder: &Path, service: &str) -> Result<Model> {
    let output = python
        .command()
        .args(["-c", SCRIPT])
        .arg(folder)
        .arg(service)
        .output()
        .context("cannot run Python")?;
    ensure!(output.status.success(), "no model of {service}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Model(serde_json::from_slice(&output.stdout)?))
}

fn models() -> Result<Models> {
    let python = Python::installed()?;
    let folder = python.api_models()?;
    Ok(Models { cognito: load(&python, &folder, "cognito-idp")?, waf: load(&python, &folder, "wafv2")? })
}

/// The complaints that no exception allows.
fn complaints(models: &Models) -> Vec<String> {
    let of_fields = ObjectKind::ALL.iter().flat_map(|&kind| {
        let is_allowed = move |found: &Option<(Difference, String)>| {
            found.as_ref().is_some_and(|(difference, path)| {
                EXCEPTIONS.iter().any(|exception| {
                    exception.kind == kind
                        && exception.difference == *difference
                        && ["*", path].contains(&exception.path)
                })
            })
        };
        check::fields(models, kind)
            .into_iter()
            .filter(move |(found, _)| !is_allowed(found))
            .map(|(_, text)| text)
    });
    let of_operations = OPERATIONS.iter().flat_map(|operations| check::operations(models, operations));
    of_fields.chain(of_operations).chain(check::states(models)).collect()
}

#[test]
fn the_tables_of_fields_operations_and_states_agree_with_the_api_model() -> Result<()> {
    let complaints = complaints(&models()?);
    ensure!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
    Ok(())
}

#[test]
fn every_exception_to_the_api_model_is_needed() -> Result<()> {
    let models = models()?;
    for exception in EXCEPTIONS {
        let found = check::fields(&models, exception.kind);
        let is_needed = found.iter().flat_map(|(found, _)| found).any(|(difference, path)| {
            *difference == exception.difference && ["*", path].contains(&exception.path)
        });
        ensure!(is_needed, "{} {} {:?}", exception.kind, exception.path, exception.difference);
    }
    Ok(())
}

/// Operations that read, and that no kind of object needs.
const OTHER_READS: [(&str, &[&str]); 5] = [
    (
        "users, groups, import jobs and recoveries are no configuration",
        &[
            "DescribePointInTimeRecovery",
            "DescribeUserImportJob",
            "GetCSVHeader",
            "GetGroup",
            "ListGroups",
            "ListPointInTimeRecoveries",
            "ListUserImportJobs",
            "ListUserSessions",
            "ListUsers",
            "ListUsersInGroup",
        ],
    ),
    (
        "users call these",
        &[
            "GetClientToken",
            "GetDerivedToken",
            "GetDevice",
            "GetTokensFromRefreshToken",
            "GetUser",
            "GetUserAttributeVerificationCode",
            "GetUserAuthFactors",
            "ListDevices",
            "ListWebAuthnCredentials",
        ],
    ),
    (
        "another operation reads the same object",
        &[
            "DescribeManagedLoginBranding",
            "DescribeResourceServer",
            "DescribeTermsByClient",
            "GetIdentityProviderByIdentifier",
            "ListTagsForResource",
        ],
    ),
    ("a cache of Cognito", &["ListClientMetadataURLs"]),
    ("of an account and Region, not of a pool", &["GetProvisionedLimit", "ListUserPools"]),
];

#[test]
fn every_operation_that_reads_is_in_the_table_or_no_configuration() -> Result<()> {
    let models = models()?;
    let known: Vec<_> = OPERATIONS.iter().flat_map(Operations::all).map(|operation| operation.name).collect();
    let others: Vec<_> = OTHER_READS.iter().flat_map(|(_, names)| *names).copied().collect();
    let is_read = |name: &&str| ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
    for name in models.cognito.operations().filter(is_read) {
        ensure!(known.contains(&name) != others.contains(&name), "{name}: in no table, or in both");
    }
    for name in others {
        ensure!(models.cognito.has(name), "{name}: unknown to the model");
    }
    Ok(())
}

#[test]
fn a_change_of_the_api_model_is_noticed() -> Result<()> {
    let mut models = models()?;
    let shapes =
        |models: &mut Models, name: &str, change: &dyn Fn(&mut Vec<serde_json::Value>)| -> Result<()> {
            let members = models.cognito.0["shapes"][name]["members"].as_array_mut();
            change(members.with_context(|| format!("no shape {name}"))?);
            Ok(())
        };
    let new = |name: &str| json!([name, {"shape": "StringType"}]);
    shapes(&mut models, "UserPoolType", &|members| members.push(new("NewAnswer")))?;
    shapes(&mut models, "PasswordPolicyType", &|members| members.push(new("NewRule")))?;
    shapes(&mut models, "CreateUserPoolClientRequest", &|members| members.push(new("NewChoice")))?;
    shapes(&mut models, "UpdateUserPoolRequest", &|members| {
        members.retain(|member| member[0] != "LambdaConfig")
    })?;
    shapes(&mut models, "UICustomizationType", &|members| members.retain(|member| member[0] != "CSS"))?;
    shapes(&mut models, "ResourceServerType", &|members| members.reverse())?;
    models.cognito.0["shapes"]["UpdateTermsRequest"]["required"] = json!(["TermsId", "UserPoolId", "Links"]);
    models.cognito.0["shapes"]["ListResourceServersLimitType"]["max"] = json!(60);
    models.cognito.0["operations"]["GetUserPoolMfaConfig"]["errors"] =
        json!([{"shape": "FeatureUnavailableInTierException"}]);
    models.cognito.0["shapes"]["RestoreStatusType"]["enum"] = json!(["NEW_STATE", "PREVIEW_EXPIRED"]);
    if let Some(operations) = models.cognito.0["operations"].as_object_mut() {
        operations.remove("DescribeTerms");
    }
    let complaints = complaints(&models).join("\n");
    for expected in [
        "userPool: the answer has NewAnswer, the table has no row",
        "userPool: the answer has Policies.PasswordPolicy.NewRule, the table has no row",
        "userPool: a request has Policies.PasswordPolicy.NewRule, the table has no row",
        "clients: a request has NewChoice, the table has no row",
        "userPool LambdaConfig.KMSKeyID: the row says Always, the requests say OnlyCreate",
        "uiCustomizations CSS: readable is true, and the answer says otherwise",
        "resourceServers Identifier: not in the order of the API",
        "terms Links.*: the row says Kept; needed by an update: true",
        "ListResourceServers: the limit of a page is another one",
        "GetUserPoolMfaConfig: unavailable is {}",
        "DescribeTerms: unknown to the model",
        "RestoreStatusType: NEW_STATE is new",
        "RestoreStatusType: the model has no RESTORE_COMPLETED",
    ] {
        ensure!(complaints.contains(expected), "not noticed: {expected}\n\n{complaints}");
    }
    Ok(())
}
