use serde_json::json;
use shared::model::{GroupRoles, ImportOptions, RestoreState, Selection, SubMapLifetime, TargetPool, Tps};

use super::args::{NewPoolArgs, OptionArgs, SelectionArgs};
use super::*;
use crate::commands::run::RunArgs;
use crate::output::flags::{sub_map_flag, to_flags};
use crate::testing;

fn read_with(
    pool: &str,
    into: &str,
    snapshot: &str,
    tps: Option<&str>,
    options: OptionArgs,
) -> Result<Request> {
    let run = RunArgs { tps: tps.map(str::to_owned), ..RunArgs::default() };
    let [pool, into, snapshot] = [pool, into, snapshot].map(str::to_owned);
    let args = ImportArgs {
        pool,
        into,
        snapshot,
        plan: false,
        selection: SelectionArgs::default(),
        options,
        new_pool: NewPoolArgs::default(),
        run,
    };
    Request::read(&args, None)
}

fn read(pool: &str, into: &str, snapshot: &str, tps: Option<&str>) -> Result<Request> {
    read_with(pool, into, snapshot, tps, OptionArgs::default())
}

#[test]
fn the_input_names_the_table_that_the_settings_name() {
    let request = |table: Option<&str>| {
        let args = ImportArgs {
            pool: "eu-west-1_a".to_owned(),
            into: "eu-west-1_b".to_owned(),
            snapshot: "latest".to_owned(),
            plan: true,
            selection: SelectionArgs::default(),
            options: OptionArgs::default(),
            new_pool: NewPoolArgs::default(),
            run: RunArgs::default(),
        };
        Request::read(&args, table).unwrap().json
    };
    assert_eq!(request(Some("second"))["table"], "second");
    assert_eq!(request(None).get("table"), None);
}

#[test]
fn a_selection_reaches_the_next_command_and_stays_out_of_the_input() {
    const SUB: &str = "11111111-2222-3333-4444-555555555555";
    let names = |name: &str| vec![name.to_owned()];
    let selection = SelectionArgs {
        user: names("anna"),
        group: names("R&D's"),
        except_sub: names(SUB),
        ..Default::default()
    };
    let [pool, into, snapshot] = ["eu-west-1_a", "eu-west-1_b", "latest"].map(str::to_owned);
    let (run, new_pool, options) = (RunArgs::default(), NewPoolArgs::default(), OptionArgs::default());
    let args = ImportArgs { pool, into, snapshot, plan: true, selection, options, new_pool, run };
    let request = Request::read(&args, None).unwrap();
    let selection = serde_json::to_value(&request.input.selection).unwrap();
    assert_eq!(selection["select"], json!({"usernames": ["anna"], "groups": ["R&D's"]}));
    assert_eq!(selection["except"], json!({"subs": [SUB]}));
    assert!(request.input.dry_run && request.json["dryRun"] == true);
    assert!(
        request.json.get("select").is_none() && request.json.get("except").is_none(),
        "it goes into the table"
    );
    let again = to_flags(&ImportOptions::default(), &request.input.selection);
    assert_eq!(again, format!(r" --user anna --group 'R&D'\''s' --except-sub {SUB}"));
}

#[test]
fn a_wrong_name_of_a_selection_is_named_by_its_option() {
    let read = |selection: SelectionArgs| {
        let [pool, into, snapshot] = ["eu-west-1_a", "eu-west-1_b", "latest"].map(str::to_owned);
        let (run, new_pool, options) = (RunArgs::default(), NewPoolArgs::default(), OptionArgs::default());
        let args = ImportArgs { pool, into, snapshot, plan: true, selection, options, new_pool, run };
        Request::read(&args, None).unwrap_err()
    };
    let list = |name: &str| vec!["anna".to_owned(), name.to_owned()];
    for (selection, says) in [
        (
            SelectionArgs { except_sub: vec!["anna".to_owned()], ..Default::default() },
            "--except-sub is no `sub`: 32 digits from 0 to f in five groups. The argument of --except-sub is \"anna\".",
        ),
        (
            SelectionArgs { group: list(" "), ..Default::default() },
            "--group is empty. The argument of --group is \" \".",
        ),
    ] {
        let problem = read(selection);
        assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
        assert_eq!(problem.message, says);
        assert!(problem.guidance.contains("cognito-backup import --help"), "{problem}");
    }
}

#[test]
fn options_reach_the_state_machine_and_the_next_command() {
    let some = |word: &str| Some(word.to_owned());
    let options = || OptionArgs {
        existing: some("update"),
        federated: some("link"),
        method: some("api"),
        passwords: some("temporary"),
        send_invitations: true,
        accept_losses: true,
        accept_shrunk: true,
        create_missing_attributes: true,
        old_sub_attribute: some("custom:old_sub"),
        group_roles: some("skip"),
        unconfirmed: some("skip"),
        sub_map_retention: some("400"),
    };
    let request = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options()).unwrap();
    assert_eq!(ImportInput::parse(&request.json), Ok(request.input.clone().into()));
    assert!(request.input.accept_shrunk);
    assert_eq!(
        to_flags(&request.input.options, &Selection::default()),
        " --existing update --federated link --unconfirmed skip --passwords temporary --send-invitations --group-roles skip --accept-losses \
         --create-missing-attributes --old-sub-attribute custom:old_sub"
    );
    assert_eq!(to_flags(&ImportOptions::default(), &Selection::default()), "");
    let by_jobs = OptionArgs { method: some("csv"), ..OptionArgs::default() };
    let by_jobs = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, by_jobs).unwrap();
    assert_eq!(to_flags(&by_jobs.input.options, &Selection::default()), " --method csv");
    let wrong = OptionArgs { existing: some("overwrite"), ..options() };
    let problem = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, wrong).unwrap_err();
    assert_eq!(problem.error, "InvalidInput");
    assert!(problem.message.starts_with("--existing has a wrong value; it can be"), "{problem}");
    let partial = testing::restore(RestoreState::Partial);
    assert!(!partial.is_continued_by(&request.input), "other options make another restore");
}

#[test]
fn the_retention_of_the_sub_map_is_a_number_of_days_or_forever() {
    let read = |days: &str| {
        let options = OptionArgs { sub_map_retention: Some(days.to_owned()), ..OptionArgs::default() };
        read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options)
    };
    for (typed, sent) in [("90", json!(90)), ("3650", json!(3650)), ("forever", json!("forever"))] {
        let request = read(typed).unwrap();
        assert_eq!(request.json["subMapRetention"], sent);
        let again = sub_map_flag(request.input.sub_map_lifetime);
        assert_eq!(again, format!(" --sub-map-retention {typed}"));
    }
    assert_eq!(sub_map_flag(SubMapLifetime::default()), "");
    for wrong in ["", "0", "-1", "89", "3651", "90.5", "never", "90 days"] {
        let problem = read(wrong).unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4), "{wrong}");
        assert!(problem.guidance.contains("--sub-map-retention"), "{problem}");
    }
}

#[test]
fn a_yaml_file_maps_the_roles_of_groups() {
    let folder = std::env::temp_dir().join(format!("group-roles-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let read = |text: &str| {
        let file = folder.join("roles.yaml");
        std::fs::write(&file, text).unwrap();
        let group_roles = Some(file.to_str().unwrap().to_owned());
        let options = OptionArgs { group_roles, ..OptionArgs::default() };
        read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options)
    };
    let (old, new) = ("arn:aws:iam::111122223333:role/old", "arn:aws:iam::444455556666:role/new");
    let expected = GroupRoles::Map([(old.to_owned(), new.to_owned())].into());
    for text in [
        format!("{old}: {new}\n"),
        format!("# roles\nmap:\n  \"{old}\": '{new}'\n"),
        json!({"map": {old: new}}).to_string(),
    ] {
        assert_eq!(read(&text).unwrap().input.options.group_roles, expected, "{text}");
    }
    for (text, says) in [
        (
            format!("# roles\n{old}: {new}\n{old}: {new}\n"),
            &*format!(
                "Line 3 of the file FILE of --group-roles has the key {old:?} again, which stands above."
            ),
        ),
        (
            format!("map:\n  {old}: {new}\n  {old}: {new}\n"),
            &format!("Line 3 of the file FILE of --group-roles has the key {old:?} again"),
        ),
        (
            "map: {}\nmap: {}\n".to_owned(),
            "Line 2 of the file FILE of --group-roles has the key \"map\" again",
        ),
        (format!("{old}: {new}\n]\n"), "Line 2 of the file FILE of --group-roles is no YAML."),
        (String::new(), "The file FILE of --group-roles is empty."),
        ("- x".to_owned(), "The file FILE of --group-roles holds a list"),
        (
            "old: new".to_owned(),
            "Line 1 of the file FILE of --group-roles names \"old\", which is no ARN of an IAM role.",
        ),
        (
            format!("{old}: {new}\n\n\"{new}\": 7\n"),
            &format!("Line 3 of the file FILE of --group-roles maps {new} to no text."),
        ),
        (
            format!("map:\n  {old}: {new}\n  {new}:\n    old\n"),
            &format!(
                "Line 3 of the file FILE of --group-roles maps {new} to \"old\", which is no ARN of an IAM role."
            ),
        ),
        (
            format!("map:\n  {old}: {new}\nmore: 1\n"),
            "Line 3 of the file FILE of --group-roles has \"more\" beside map.",
        ),
    ] {
        let problem = read(&text).unwrap_err();
        let message = problem.message.replace(&format!("{:?}", folder.join("roles.yaml")), "FILE");
        assert!(problem.error == "InvalidInput" && message.contains(says), "{text}: {problem}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let missing = OptionArgs { group_roles: Some("no such file".to_owned()), ..OptionArgs::default() };
    let problem = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, missing).unwrap_err();
    assert!(problem.message.contains("cannot be read"), "{problem}");
}

#[test]
fn wrong_arguments_are_named_errors() {
    let (a, b) = ("eu-west-1_a", "eu-west-1_b");
    for (wrong, error) in [
        (read("nonsense", b, "latest", None), "InvalidInput"),
        (read(a, "b", "latest", None), "InvalidInput"),
        (read(a, b, "newest", None), "InvalidInput"),
        (read(a, b, "latest", Some("1000")), "InvalidInput"),
        (read(a, a, "latest", None), "TargetIsSource"),
    ] {
        let problem = wrong.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status.code()), (error, 4));
    }
    for existing in ["skip", "update"] {
        let options = OptionArgs { existing: Some(existing.to_owned()), ..OptionArgs::default() };
        let read = read_with(a, a, "latest", None, options).unwrap();
        assert_eq!(read.input.target_pool(), TargetPool::Own);
    }
    assert_eq!(
        read(a, b, "20261121T020000123Z-1a2b3c4d", Some("9")).unwrap().input.tps.map(Tps::get),
        Some(9)
    );
}
