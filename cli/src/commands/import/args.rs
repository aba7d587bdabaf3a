//! The arguments of `import`, and the input that they make.

use clap::Args;
use serde_json::{Value, json};
use shared::model::UserFilter;
use shared::{Error, ErrorKind, Guidance};

use super::super::pool::create::CreationArgs;
use super::super::run::RunArgs;
use super::group_roles;
use crate::arguments;
use crate::guidance::options_of;
use crate::problem::Result;

/// The arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The user pool of the snapshot
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// The user pool to restore into, with the custom attributes of the source. It must hold no users, unless you give
    /// --existing. For a repair, the same as --pool. `new:NAME` creates the user pool NAME
    #[arg(long, value_name = "POOL_ID|new:NAME")]
    pub into: String,
    /// The snapshot: `latest`, or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Only make the forecast, and change nothing. For `new:NAME`, only show the plan, which has no forecast
    #[arg(long)]
    pub plan: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub options: OptionArgs,
    #[command(flatten)]
    pub new_pool: NewPoolArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// The new pool to restore into.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "A new user pool (only with --into new:NAME)")]
pub struct NewPoolArgs {
    #[command(flatten)]
    pub creation: CreationArgs,
    /// Create, import and finish without asking
    #[arg(long)]
    pub yes: bool,
}

impl NewPoolArgs {
    /// The options that the operator has given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let CreationArgs { map, account, strict, no_secrets } = &self.creation;
        [
            ("--map", map.is_some()),
            ("--account", account.account.is_some()),
            ("--strict", *strict),
            ("--no-secrets", *no_secrets),
            ("--yes", self.yes),
        ]
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option))
    }
}

/// The users to restore.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Users to restore (each option as often as needed)")]
pub struct SelectionArgs {
    /// Only this user, by the username in the snapshot
    #[arg(long, value_name = "USERNAME")]
    pub user: Vec<String>,
    /// Only this user, by the e-mail address in the snapshot
    #[arg(long, value_name = "ADDRESS")]
    pub email: Vec<String>,
    /// Only this user, by the `sub` in the snapshot
    #[arg(long, value_name = "SUB")]
    pub sub: Vec<String>,
    /// Only the members of this group
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// Not this user
    #[arg(long, value_name = "USERNAME")]
    pub except_user: Vec<String>,
    /// Not the user with this e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub except_email: Vec<String>,
    /// Not the user with this `sub`
    #[arg(long, value_name = "SUB")]
    pub except_sub: Vec<String>,
    /// Not the members of this group
    #[arg(long, value_name = "NAME")]
    pub except_group: Vec<String>,
}

/// How users are restored.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How to restore them")]
pub struct OptionArgs {
    /// If the target holds users: refuse it (`fail`), leave existing users and groups as they are (`skip`), or make them
    /// as in the snapshot (`update`). A target that holds only groups is not refused [default: fail]
    #[arg(long, value_name = "WHAT")]
    pub existing: Option<String>,
    /// Federated users: let Cognito create them at their next sign-in (`skip`), or create and link them (`link`)
    /// [default: skip]
    #[arg(long, value_name = "WHAT")]
    pub federated: Option<String>,
    /// Users that signed up and were not confirmed: create them, confirmed (`restore`), or leave them out (`skip`)
    /// [default: restore]
    #[arg(long, value_name = "WHAT")]
    pub unconfirmed: Option<String>,
    /// The IAM roles of groups: those of the snapshot (`keep`), none (`skip`), or a YAML file that maps role ARNs of the
    /// snapshot to others [default: keep]
    #[arg(long, value_name = "keep|skip|FILE")]
    pub group_roles: Option<String>,
    /// `api`: calls create each user; `csv`: import jobs create the users that a file can carry, without calls and charge
    /// [default: api]
    #[arg(long, value_name = "HOW")]
    pub method: Option<String>,
    /// `random`: an unknown password, so that users use "forgot password"; `temporary`: Cognito sends an invitation
    /// [default: random]
    #[arg(long, value_name = "WHAT")]
    pub passwords: Option<String>,
    /// Send an invitation to each enabled, native user that calls create and that has an address; `--passwords temporary`
    /// needs it
    #[arg(long)]
    pub send_invitations: bool,
    /// Restore what the target accepts, although its settings refuse some users, values or links
    #[arg(long)]
    pub accept_losses: bool,
    /// Restore the snapshot although an earlier one of the 90 days before holds many more users
    #[arg(long)]
    pub accept_shrunk: bool,
    /// Declare the custom attributes that the target lacks
    #[arg(long)]
    pub create_missing_attributes: bool,
    /// Write the old `sub` of each user to this custom attribute, such as `custom:old_sub`
    #[arg(long, value_name = "NAME")]
    pub old_sub_attribute: Option<String>,
    /// Keep the sub map of the restore for so many days, 90 to 3650, or without end (`forever`) [default: that of the
    /// deployment]
    #[arg(long, value_name = "DAYS|forever", allow_negative_numbers = true)]
    pub sub_map_retention: Option<String>,
}

/// Checks a name of a selection.
fn require_name(option: &str, list: &str, text: &str) -> Result<()> {
    let Some(what) = UserFilter::fault_of(list, text) else { return Ok(()) };
    let guidance = Guidance::ImportInput(Some(option.trim_start_matches('-').to_owned()));
    let refuse = |_: &str| Err(Error::new(ErrorKind::InvalidInput, format!("{option} {what}."), guidance));
    Ok(arguments::read(option, text, refuse)?)
}

/// The arguments as the input of the state machine.
pub fn input_json(args: &ImportArgs) -> Result<Value> {
    let mut input =
        json!({ "sourceUserPoolId": args.pool, "targetUserPoolId": args.into, "snapshot": args.snapshot });
    let options = &args.options;
    let words = [
        ("existing", &options.existing),
        ("federated", &options.federated),
        ("unconfirmed", &options.unconfirmed),
        ("method", &options.method),
        ("passwords", &options.passwords),
        ("oldSubAttribute", &options.old_sub_attribute),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            input[name] = word.as_str().into();
        }
    }
    if let Some(days) = &options.sub_map_retention {
        // The input refuses any text but its word.
        input["subMapRetention"] = days.parse::<u64>().map_or_else(|_| days.as_str().into(), Value::from);
    }
    if let Some(roles) = &options.group_roles {
        input["groupRoles"] = group_roles::value(roles)?;
    }
    let selection = &args.selection;
    let sides = [
        ("select", [&selection.user, &selection.email, &selection.sub, &selection.group]),
        (
            "except",
            [&selection.except_user, &selection.except_email, &selection.except_sub, &selection.except_group],
        ),
    ];
    for (side, lists) in sides {
        let options = options_of(side).into_iter();
        for ((name, option), list) in
            ["usernames", "emails", "subs", "groups"].into_iter().zip(options).zip(lists)
        {
            for text in list {
                require_name(&option, name, text)?;
            }
            if !list.is_empty() {
                input[side][name] = list.as_slice().into();
            }
        }
    }
    let switches = [
        ("dryRun", args.plan),
        ("sendInvitations", options.send_invitations),
        ("acceptLosses", options.accept_losses),
        ("acceptShrunk", options.accept_shrunk),
        ("createMissingAttributes", options.create_missing_attributes),
    ];
    for (name, _) in switches.into_iter().filter(|(_, on)| *on) {
        input[name] = true.into();
    }
    Ok(input)
}
