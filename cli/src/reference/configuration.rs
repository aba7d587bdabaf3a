//! The members of a pool's configuration: what a backup keeps of each, and what a restore does with it.

use shared::model::configuration::rebuild::creation_writes;
use shared::model::configuration::{
    Bound, Comparison, Field, Nature, ObjectKind, ProviderType, RESERVED_TAG_PREFIX, Service, Tier, Write,
    fields_of,
};

use shared::ports::pool::Operation;

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

/// The writes that no roll back makes: a pool is not created, and the secrets of a client stay.
const NEVER_ROLLED_BACK: [Operation; 3] =
    [Operation::CreateUserPool, Operation::AddUserPoolClientSecret, Operation::DeleteUserPoolClientSecret];

/// What a command needs that reads or writes a configuration.
fn permissions() -> String {
    let reads = Operation::ALL.iter().filter(|operation| operation.reads_configuration());
    let (of_pool, of_all): (Vec<_>, Vec<_>) =
        reads.map(|read| read.name()).partition(|name| *name != Operation::DescribeUserPoolDomain.name());
    let actions = |service: &str, names: &[&str]| {
        let of_waf = |name: &str| Operation::named(name).is_some_and(|one| one.service() == Service::Waf);
        let action = |name: &&str| match of_waf(name) {
            // IAM asks for the permission of both services.
            true => format!("`{service}:{name}`, `wafv2:{name}`"),
            false => format!("`{service}:{name}`"),
        };
        names.iter().map(action).collect::<Vec<_>>().join(", ")
    };
    let row = |command: &str, on: &str, actions: String| [command.to_owned(), on.to_owned(), actions];
    let rows = [
        row(
            "`pool show`, `pool diff`",
            "the table",
            actions("dynamodb", &["GetItem", "BatchGetItem", "Query"]),
        ),
        row(
            "`pool show`, `pool diff`",
            "the KMS key of the table, if it has one",
            actions("kms", &["Decrypt"]),
        ),
        row(
            "`pool show --secrets`",
            "the key of the secrets (`CONFIGURATION_KEY_ARN`)",
            actions("kms", &["Decrypt"]),
        ),
        row(
            "`copy --configuration-key`",
            "the key of the secrets at the source",
            actions("kms", &["Decrypt"]),
        ),
        row(
            "`copy --configuration-key`",
            "the keys at the destination",
            actions("kms", &["Encrypt", "GenerateDataKey", "GenerateMac"]),
        ),
        row("`pool diff` with a live pool", "the pool", actions("cognito-idp", &of_pool)),
        row(
            "`pool diff` with a live pool",
            "the key of the MACs (`CONFIGURATION_MAC_KEY_ARN`), if the snapshot holds secrets (not with `--no-secrets`)",
            actions("kms", &["GenerateMac"]),
        ),
        row(
            "`pool diff` with a live pool",
            "`*`: IAM knows no resource for it",
            actions("cognito-idp", &of_all),
        ),
    ];
    let writes: Vec<_> = creation_writes().into_iter().map(Operation::name).collect();
    let at_work = [Operation::ListUserImportJobs, Operation::ListPointInTimeRecoveries].map(Operation::name);
    let is_rolled_back =
        |operation: &&Operation| operation.writes_configuration() && !NEVER_ROLLED_BACK.contains(operation);
    let rolled_back: Vec<_> =
        Operation::ALL.iter().filter(is_rolled_back).map(|operation| operation.name()).collect();
    let rows = rows.into_iter().chain([
        row(
            "`pool create`, `pool finish`",
            "the table",
            actions("dynamodb", &["GetItem", "BatchGetItem", "Query", "PutItem"]),
        ),
        row(
            "`pool create`, `pool finish`",
            "the KMS key of the table, if it has one",
            actions("kms", &["Decrypt", "GenerateDataKey"]),
        ),
        row(
            "`pool create`",
            "the key of the secrets, if the snapshot has any (not with `--no-secrets`)",
            actions("kms", &["Decrypt"]),
        ),
        row("`pool create`", "the new pool", actions("cognito-idp", &writes)),
        row("`pool create`", "the new pool: the reads of `pool diff`", actions("cognito-idp", &of_pool)),
        row(
            "`pool create`",
            "`*`: the pool has no ARN yet",
            actions(
                "cognito-idp",
                &["CreateUserPool", "TagResource", "ListUserPools", "DescribeUserPoolDomain"],
            ),
        ),
        row("`pool create`, `pool finish`", "the role for SMS", actions("iam", &["PassRole"])),
        row(
            "`pool create`, `pool finish`",
            "`*`, if the user pool sends through SES",
            actions("iam", &["CreateServiceLinkedRole"]),
        ),
        row(
            "`pool create`, `pool finish`",
            "the key of the senders and of the user pool, if it has one",
            actions("kms", &["CreateGrant", "DescribeKey", "Encrypt", "Decrypt", "GenerateDataKey"]),
        ),
        row(
            "`pool create`",
            "`*`, if a domain is a custom one",
            actions("cloudfront", &["UpdateDistribution"]),
        ),
        row(
            "`pool create`",
            "`*`, if the user pool delivers logs",
            actions(
                "logs",
                &[
                    "CreateLogDelivery",
                    "GetLogDelivery",
                    "UpdateLogDelivery",
                    "DeleteLogDelivery",
                    "ListLogDeliveries",
                    "PutResourcePolicy",
                    "DescribeResourcePolicies",
                    "DescribeLogGroups",
                ],
            ),
        ),
        row("`pool finish`", "the new pool", actions("cognito-idp", &["DescribeUserPool", "UpdateUserPool"])),
        row(
            "`pool apply`",
            "the table",
            actions("dynamodb", &["GetItem", "BatchGetItem", "Query", "PutItem", "PartiQLInsert"]),
        ),
        row(
            "`pool apply`",
            "the KMS key of the table, if it has one",
            actions("kms", &["Decrypt", "Encrypt", "GenerateDataKey"]),
        ),
        row(
            "`pool apply`",
            "the key of the secrets, if the snapshots have any (not with `--no-secrets`)",
            actions("kms", &["Decrypt", "Encrypt", "GenerateDataKey"]),
        ),
        row(
            "`pool apply`",
            "the key of the MACs, if the snapshots have secrets (not with `--no-secrets`)",
            actions("kms", &["GenerateMac"]),
        ),
        row(
            "`pool apply`",
            "the pool: the reads of `pool diff`, and what works on it",
            actions("cognito-idp", &of_pool.iter().copied().chain(at_work).collect::<Vec<_>>()),
        ),
        row("`pool apply`", "`*`: IAM knows no resource for it", actions("cognito-idp", &of_all)),
        row("`pool apply`", "the pool: the writes of what differs", actions("cognito-idp", &rolled_back)),
        row(
            "`pool apply`",
            "what the changed objects need",
            "as for `pool create`: the role for SMS, SES, the keys, CloudFront, logs".to_owned(),
        ),
    ]);
    let rows: Vec<_> = rows.collect();
    let words = "These commands use the permissions of the operator. `import --into new:NAME` needs those of `pool create`, \
                 `pool finish` and `import`. `pool create` also asks STS for the account (`GetCallerIdentity`, which needs no \
                 permission). Without the permission for a read, `pool diff` names the part in `notCompared` (`accessDenied`) \
                 and compares the rest. Without `kms:GenerateMac`, it does not compare secrets (`noMac`), and ends with 1 if \
                 nothing else differs. Only `DescribeUserPool` is required.";
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
