//! The import that the operator can run next.

use shared::model::{GroupRoles, ImportInput};

use super::flags::{UNKNOWN_FILE, command, limit_flags, sub_map_flag, to_flags_with_roles};

/// The command of an import with this input. `roles` is the file of the roles of groups, if its name is known.
pub fn next_import(input: &ImportInput, roles: Option<&str>) -> String {
    let ImportInput { source, target, snapshot, .. } = input;
    let options = to_flags_with_roles(&input.options, &input.selection, roles.unwrap_or(UNKNOWN_FILE));
    command(format!(
        "import --pool {source} --into {target} --snapshot {snapshot}{options}{}{}{}{}",
        if input.accept_shrunk { " --accept-shrunk" } else { "" },
        sub_map_flag(input.sub_map_lifetime),
        limit_flags(input.tps, &input.ceilings),
        if input.dry_run { " --plan" } else { "" },
    ))
}

/// What a reader must know of the file of roles in that command. Empty if its name is known.
pub fn file_of_roles(input: &ImportInput, roles: Option<&str>) -> String {
    match (&input.options.group_roles, roles) {
        (GroupRoles::Map(_), None) => format!("\n{UNKNOWN_FILE} is the file of roles that this restore had."),
        _ => String::new(),
    }
}
