//! The members of a pool's configuration: what a backup keeps of each, and what a restore does with it.

use shared::model::configuration::{
    Bound, Comparison, Field, Nature, ObjectKind, ProviderType, RESERVED_TAG_PREFIX, Tier, Write, fields_of,
};

use super::markdown::{page, table, wrapped};

const COLUMNS: [&str; 8] =
    ["member", "of", "captured", "compared", "new pool", "same pool", "mapped by", "tier"];

pub fn render() -> String {
    let mut text = page(
        "Configuration of a pool",
        "These tables list every member of every object that belongs to a user pool. They say what a backup keeps of it, \
         and what a restore does with it. The names are those of the Cognito API. `[]` is an element of a list, and `*` is \
         any key of a map.\n\nWith the setting `CaptureConfiguration=YES`, exports capture the configuration. `cognito-backup pool show` prints it, \
         and `cognito-backup pool diff` compares it. `cognito-backup pool create` creates the pool again, under a new id. \
`cognito-backup pool apply` brings a live pool back \
         ([guide](../guides/undo-configuration.md)).\n\nIf the deployment has keys for them, exports encrypt secrets and keep \
         them ([secrets of the configuration](../concepts/snapshots.md#secrets-of-the-configuration)). Otherwise a snapshot \
         says how many members it leaves out. A test compares the tables with the API model of Cognito.",
    );
    let columns = [
        ["of", "The types of identity providers that have the member. Empty if all have it."],
        ["captured", "Whether a snapshot holds the member. A secret is stored encrypted, or left out."],
        [
            "compared",
            "Whether a comparison reports that the member differs, and how it reads the values. \"as `X`\": the member `X` holds the same.",
        ],
        ["new pool", "Whether a restore gives a new pool the value of the snapshot."],
        ["same pool", "Whether a restore into the pool itself can bring the value back."],
        [
            "mapped by",
            "What the value belongs to. In another pool, account or Region, the restore needs another value for it.",
        ],
        ["tier", "The least feature plan that allows another value than the default. Empty if it is Lite."],
    ];
    let columns = columns.map(|[name, meaning]| [name.to_owned(), meaning.to_owned()]);
    text += &format!("\n{}\n", table(["column", "meaning"], &columns));
    text += &wrapped(&format!(
        "Cognito may answer a member that these tables do not name, because AWS has added it. It may be a secret, so a \
         backup treats it as one. AWS writes the tags that begin with `{RESERVED_TAG_PREFIX}`, so a restore never sends \
         them.",
    ));
    text += "\n";
    for &kind in ObjectKind::ALL {
        let rows: Vec<_> =
            fields_of(kind).iter().filter(|field| !is_element(field)).map(|field| row(kind, field)).collect();
        text += &format!("\n## `{kind}`\n\n{}\n\n{}", wrapped(kind.words()), table(COLUMNS, &rows));
    }
    text + &permissions()
}

/// What Cognito asks for with the permissions of the operator, beside the calls of a command. Each with the commands, on
/// what, and the actions.
const OF_OTHER_SERVICES: [(&str, &str, &[&str]); 5] = [
    ("`pool create`, `pool finish`, `pool apply`", "the role for SMS", &["iam:PassRole"]),
    (
        "`pool create`, `pool finish`, `pool apply`",
        "`*`, if the user pool sends through SES",
        &["iam:CreateServiceLinkedRole"],
    ),
    (
        "`pool create`, `pool finish`, `pool apply`",
        "the key of the senders and of the user pool, if it has one",
        &["kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
    ),
    ("`pool create`, `pool apply`", "`*`, if a domain is a custom one", &["cloudfront:UpdateDistribution"]),
    (
        "`pool create`, `pool apply`",
        "`*`, if the user pool delivers logs",
        &[
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
    ),
];

/// What a command needs that reads or writes a configuration.
fn permissions() -> String {
    let rows = OF_OTHER_SERVICES.map(|(commands, on, actions)| {
        let actions: Vec<_> = actions.iter().map(|action| format!("`{action}`")).collect();
        [commands.to_owned(), on.to_owned(), actions.join(", ")]
    });
    let words = "These commands use the permissions of the operator. [Permissions](permissions.md#commands) lists what they \
                 call, and the policies viewer and configurator allow it. `import --into new:NAME` needs viewer, \
                 operator and configurator.\n\nWithout the permission for a read, `pool diff` names the part in `notCompared` \
                 (`accessDenied`) and compares the rest. Without `kms:GenerateMac`, it does not compare secrets (`noMac`), \
                 and ends with 1 if nothing else differs. Only `DescribeUserPool` is required. With `--no-secrets`, no \
                 command uses the keys for secrets.\n\nCognito asks for more with your permissions if the user pool uses \
                 other services. No policy of the deployment has these actions, because their resources are yours. Add those \
                 that your user pools need:";
    format!(
        "\n## Permissions of `pool`\n\n{}\n\n{}",
        wrapped(words),
        table(["command", "on", "actions"], &rows)
    )
}

/// Whether the row only says how a list of objects is compared. The members of the objects have rows of their
/// own.
fn is_element(field: &Field) -> bool {
    matches!(field.comparison, Comparison::Keyed(_))
}

fn row(kind: ObjectKind, field: &Field) -> [String; 8] {
    let providers: Vec<_> = field.providers.iter().copied().map(ProviderType::name).collect();
    [
        format!("`{}`", field.path),
        providers.join(", "),
        captured(field).to_owned(),
        compared(field),
        created(kind, field).to_owned(),
        changed(field).to_owned(),
        mapped(field.bound).to_owned(),
        tier(field.tier).to_owned(),
    ]
}

fn captured(field: &Field) -> &'static str {
    match (field.nature, field.readable) {
        (Nature::Volatile, _) => "no: it changes by itself",
        (Nature::Secret, false) => "no: Cognito never shows it",
        (Nature::Secret, true) => "encrypted, or left out: it is a secret",
        (_, true) => "yes",
        (_, false) => match field.path {
            "ImageFile" => "yes: from the address in `ImageUrl`",
            "ClientId" => "yes: the client that the capture asks for",
            "GenerateSecret" => "yes: as `ClientSecret`",
            "PublishSecretsInAWSSecretsManager" => "yes: as `ClientSecretArn`",
            _ => "no: Cognito does not show it here",
        },
    }
}

fn compared(field: &Field) -> String {
    match (field.nature, field.comparison) {
        (Nature::Volatile, _) => "no".to_owned(),
        (Nature::Derived, _) => "no: Cognito computes it".to_owned(),
        (Nature::Name, _) => "no: it names the object".to_owned(),
        (Nature::Secret | Nature::Setting, _) if captured(field).starts_with("no:") => "no".to_owned(),
        (Nature::Secret, _) => "yes, without showing it".to_owned(),
        (Nature::Setting, Comparison::Set) => "yes, in any order".to_owned(),
        (Nature::Setting, Comparison::Duration { .. }) => "yes, as a time with its unit".to_owned(),
        (Nature::Setting, Comparison::Issued(_)) => {
            "yes, one by one in the same pool, by number in another".to_owned()
        }
        (Nature::Setting, Comparison::Bytes) => "yes, shown by size and digest".to_owned(),
        (Nature::Setting, Comparison::UnitOf(path)) => format!("with `{path}`"),
        (Nature::Setting, Comparison::Mirror(path)) => format!("as `{path}`"),
        (Nature::Setting, Comparison::Exact | Comparison::FreeJson | Comparison::Keyed(_)) => {
            "yes".to_owned()
        }
    }
}

fn created(kind: ObjectKind, field: &Field) -> &'static str {
    let is_never_made =
        matches!(kind, ObjectKind::Replica | ObjectKind::WebAcl | ObjectKind::SigningCertificate);
    match (field.nature, field.write) {
        (Nature::Volatile | Nature::Derived, _) => "no",
        _ if is_never_made || field.path.starts_with("Routing.") => "no: the operator makes it by hand",
        (Nature::Name, Write::Never) => "no: Cognito or the owner of the object gives it",
        _ if field.withheld => "through that member",
        (Nature::Secret, _) if !field.readable => "only if the operator gives it",
        (_, Write::OnlyUpdate) => "yes, after the creation",
        _ => "yes",
    }
}

fn changed(field: &Field) -> &'static str {
    match (field.nature, field.write) {
        (Nature::Volatile | Nature::Derived | Nature::Name, _) => "no",
        _ if field.path.starts_with("SchemaAttributes") => "only with a new attribute",
        (_, Write::OnlyCreate | Write::Never) => "no: it can never change",
        _ if field.withheld => "through that member",
        (Nature::Secret, _) if !field.readable => "only if the operator gives it",
        _ => "yes",
    }
}

fn mapped(bound: Bound) -> &'static str {
    match bound {
        Bound::Nothing => "",
        Bound::Pool => "pool",
        Bound::Account => "account",
        Bound::AccountAndRegion => "account and Region",
        Bound::Region => "Region",
        Bound::World => "once in the world",
    }
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Lite => "",
        Tier::Essentials => "Essentials",
        Tier::Plus => "Plus",
    }
}
