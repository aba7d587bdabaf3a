//! Reads the fields of an input. An error names the field, and never repeats its value.

use serde_json::{Map, Value};

use super::input_fields::SELECTION_NAMES;
use super::{
    Ceilings, Existing, Federated, GroupRoles, ImportOptions, Method, Passwords, PoolId, Selection,
    SelectionId, SelectionSource, SubMapLifetime, SubMapRetention, TableName, Tps, Unconfirmed, UserFilter,
    is_role,
};
use crate::{Error, ErrorKind, Guidance};

/// The place, from 1, and the name of the first field that is not known.
fn unknown<'a>(fields: &'a Map<String, Value>, known: &[&str]) -> Option<(usize, &'a str)> {
    (1..).zip(fields.keys().map(String::as_str)).find(|(_, name)| !known.contains(name))
}

/// The known name that an unknown one equals except for case, hyphens and underscores.
fn similar_name<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let bare = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let wanted = bare(unknown);
    known.iter().copied().find(|name| bare(name) == wanted)
}

/// The fields of an input object. All of them must be known.
pub struct Fields<'a> {
    operation: &'static str,
    /// The guidance for a wrong field.
    guidance: fn(Option<String>) -> Guidance,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub fn of(
        input: &'a Value,
        operation: &'static str,
        known: &[&str],
        guidance: fn(Option<String>) -> Guidance,
    ) -> Result<Self, Error> {
        let refuse = |what: String| Error::new(ErrorKind::InvalidInput, what, guidance(None));
        let fields = input
            .as_object()
            .ok_or_else(|| refuse(format!("The input of the {operation} is not a JSON object.")))?;
        if let Some((place, unknown)) = unknown(fields, known) {
            let similar = similar_name(unknown, known)
                .map(|name| format!(" It may stand for {name:?}."))
                .unwrap_or_default();
            return Err(refuse(format!(
                "Field {place} of the input of the {operation}, in the order of the names, is unknown.{similar}"
            )));
        }
        Ok(Self { operation, guidance, fields })
    }

    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// The error for the field `name`.
    fn refuse(&self, name: &str, what: String) -> Error {
        Error::new(ErrorKind::InvalidInput, what, (self.guidance)(Some(name.to_owned())))
    }

    pub fn text(&self, name: &str, value: &'a Value) -> Result<&'a str, Error> {
        value.as_str().ok_or_else(|| self.refuse(name, format!("{name} is no text.")))
    }

    pub fn pool(&self, name: &str) -> Result<PoolId, Error> {
        let value = self
            .get(name)
            .ok_or_else(|| self.refuse(name, format!("The input of the {} lacks {name}.", self.operation)))?;
        PoolId::parse(self.text(name, value)?).map_err(|error| {
            Error::new(error.kind(), format!("{name} is not a user pool id."), error.guidance().clone())
        })
    }

    pub fn table(&self) -> Result<Option<TableName>, Error> {
        const NAME: &str = "table";
        let Some(value) = self.get(NAME) else { return Ok(None) };
        match TableName::parse(self.text(NAME, value)?) {
            Some(table) => Ok(Some(table)),
            None => Err(self.refuse(NAME, format!("{NAME} is not the name of a DynamoDB table."))),
        }
    }

    pub fn switch(&self, name: &str) -> Result<bool, Error> {
        self.switch_or(name, false)
    }

    pub fn switch_or(&self, name: &str, default: bool) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(on)) => Ok(*on),
            Some(_) => Err(self.refuse(name, format!("{name} is neither true nor false."))),
        }
    }

    /// Reads a field whose value is one of a few words. The first word is the default.
    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match choices.iter().find(|(word, _)| value.as_str() == Some(word)) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
                Err(self.refuse(name, format!("{name} has a wrong value; it can be {}.", words.join(" or "))))
            }
        }
    }

    fn people(&self, name: &str) -> Result<Option<UserFilter>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let fields =
            value.as_object().ok_or_else(|| self.refuse(name, format!("{name} is no JSON object.")))?;
        if let Some((place, _)) = unknown(fields, &SELECTION_NAMES) {
            return Err(self.refuse(
                name,
                format!(
                    "{name} can have {}. List {place}, in the order of the names, is none of them.",
                    SELECTION_NAMES.join(", ")
                ),
            ));
        }
        let is_list = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if let Some((list, _)) = fields.iter().find(|(_, value)| !is_list(value)) {
            return Err(self.refuse(name, format!("{name}: {list} is no list of texts.")));
        }
        for (list, texts) in fields {
            for (place, text) in texts.as_array().into_iter().flatten().filter_map(Value::as_str).enumerate()
            {
                let Some(what) = UserFilter::fault_of(list, text) else { continue };
                return Err(self.refuse(name, format!("{name}: text {} of {list} {what}.", place + 1)));
            }
        }
        match serde_json::from_value::<UserFilter>(value.clone()) {
            Ok(people) if !people.is_empty() => Ok(Some(people)),
            Ok(_) => Err(self.refuse(name, format!("{name} names no user and no group."))),
            Err(_) => Err(self.refuse(name, format!("{name} cannot be read."))),
        }
    }

    pub fn selection(&self) -> Result<SelectionSource, Error> {
        const ID: &str = "selectionId";
        let selection = Selection { select: self.people("select")?, except: self.people("except")? };
        let Some(id) = self.get(ID) else { return Ok(SelectionSource::Input(selection)) };
        if selection != Selection::default() {
            let what = format!("{ID} excludes select and except: the selection in the table has both.");
            return Err(self.refuse(ID, what));
        }
        match SelectionId::parse(self.text(ID, id)?) {
            Some(id) => Ok(SelectionSource::Stored(id)),
            None => {
                Err(self.refuse(ID, format!("{ID} is not the id of a selection: 32 digits from 0 to f.")))
            }
        }
    }

    pub fn options(&self) -> Result<ImportOptions, Error> {
        let method = self.choice("method", &[("api", Method::Api), ("csv", Method::Csv)])?;
        // An import job sets no password. So `csv` stands for the method as well.
        let passwords = [("random", (None, Passwords::Random)), ("temporary", (None, Passwords::Temporary))];
        let by_job = ("csv", (Some(Method::Csv), Passwords::Random));
        let (implied, passwords) =
            self.choice("passwords", &[passwords[0], passwords[1], by_job])?.unwrap_or_default();
        if method == Some(Method::Api) && implied.is_some() {
            return Err(self.refuse(
                "method",
                "method is \"api\" and passwords is \"csv\", which is the other method.".to_owned(),
            ));
        }
        let method = method.or(implied).unwrap_or_default();
        if (method, passwords) == (Method::Csv, Passwords::Temporary) {
            return Err(self.refuse(
                "method",
                "method is \"csv\" and passwords is \"temporary\". But import jobs send no messages: their users set a new \
                 password by \"forgot password\"."
                    .to_owned(),
            ));
        }
        match (passwords, self.switch("sendInvitations")?) {
            (Passwords::Temporary, false) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "Temporary passwords make Cognito send an invitation to each restored user. The input does not ask for invitations.",
                    Guidance::InviteOrNot,
                ));
            }
            (Passwords::Random, true) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "The input asks for invitations. Cognito sends them only with temporary passwords.",
                    Guidance::InviteOrNot,
                ));
            }
            _ => {}
        }
        let federated = self.choice("federated", &[("skip", Federated::Skip), ("link", Federated::Link)])?;
        let unconfirmed =
            self.choice("unconfirmed", &[("restore", Unconfirmed::Restore), ("skip", Unconfirmed::Skip)])?;
        let existing = self.choice(
            "existing",
            &[("fail", Existing::Fail), ("skip", Existing::Skip), ("update", Existing::Update)],
        )?;
        let old_sub_attribute = match self.get("oldSubAttribute") {
            None => None,
            Some(value) => match self.text("oldSubAttribute", value)? {
                name if is_custom_attribute(name) => Some(name.to_owned()),
                _ => {
                    return Err(self.refuse(
                        "oldSubAttribute",
                        "oldSubAttribute has a wrong value; it names a custom attribute of the target, such as \"custom:old_sub\", with 1 to 20 characters after the colon."
                            .to_owned(),
                    ));
                }
            },
        };
        Ok(ImportOptions {
            method,
            passwords,
            federated: federated.unwrap_or_default(),
            unconfirmed: unconfirmed.unwrap_or_default(),
            existing: existing.unwrap_or_default(),
            group_roles: self.group_roles()?,
            accept_losses: self.switch("acceptLosses")?,
            create_missing_attributes: self.switch("createMissingAttributes")?,
            old_sub_attribute,
        })
    }

    fn group_roles(&self) -> Result<GroupRoles, Error> {
        const NAME: &str = "groupRoles";
        let refuse = |what: String| self.refuse(NAME, what);
        let map = match self.get(NAME) {
            None => return Ok(GroupRoles::Keep),
            Some(Value::String(word)) if word == "keep" => return Ok(GroupRoles::Keep),
            Some(Value::String(word)) if word == "skip" => return Ok(GroupRoles::Skip),
            Some(Value::Object(fields)) if fields.len() == 1 => fields.get("map").and_then(Value::as_object),
            Some(_) => None,
        };
        let map = map.ok_or_else(|| {
            refuse(r#"groupRoles can be "keep" or "skip" or {"map": {"role ARN": "role ARN"}}."#.to_owned())
        })?;
        if map.is_empty() || map.len() > GroupRoles::MAX_MAPPED {
            return Err(refuse(format!(
                "The map of group roles has {} entries; it can have 1 to {}.",
                map.len(),
                GroupRoles::MAX_MAPPED
            )));
        }
        let entry = |(place, (from, to)): (usize, (&String, &Value))| match to.as_str() {
            Some(to) if is_role(from) && is_role(to) => Ok((from.clone(), to.to_owned())),
            to => {
                let is_of_snapshot = !is_role(from);
                let side = if is_of_snapshot { "role of the snapshot" } else { "new role" };
                let what = match if is_of_snapshot { Some(from.as_str()) } else { to } {
                    None => "no text",
                    Some(arn) if arn.len() > GroupRoles::MAX_ARN => "longer than 2,048 characters",
                    Some(_) => "no ARN of an IAM role",
                };
                Err(refuse(format!(
                    "The map of group roles has a wrong entry: {}. Its {side} is {what}.",
                    GroupRoles::entry_name(place, map.len())
                )))
            }
        };
        map.iter().enumerate().map(entry).collect::<Result<_, _>>().map(GroupRoles::Map)
    }

    pub fn sub_map_lifetime(&self) -> Result<SubMapLifetime, Error> {
        const NAME: &str = "subMapRetention";
        let Some(value) = self.get(NAME) else { return Ok(SubMapLifetime::OfDeployment) };
        if value.as_str() == Some(SubMapLifetime::FOREVER) {
            return Ok(SubMapLifetime::Forever);
        }
        let days = value.as_u64().and_then(|days| SubMapRetention::parse(&days.to_string()).ok());
        days.map(SubMapLifetime::Days).ok_or_else(|| {
            let (min, max) = (SubMapRetention::MIN, SubMapRetention::MAX);
            let forever = SubMapLifetime::FOREVER;
            self.refuse(
                NAME,
                format!("{NAME} is neither a whole number of days from {min} to {max} nor {forever:?}."),
            )
        })
    }

    pub fn ceilings(&self) -> Result<Ceilings, Error> {
        self.get("tpsByCategory").map(Ceilings::parse).transpose().map(Option::unwrap_or_default)
    }

    pub fn tps(&self) -> Result<Option<Tps>, Error> {
        self.get("tps").map(|value| value.as_i64().ok_or_else(Tps::refuse).and_then(Tps::new)).transpose()
    }
}

/// Whether a custom attribute can have this name. Source: `Name` of SchemaAttributeType, Cognito API reference: 1 to 20
/// letters, marks, symbols, digits or punctuation.
fn is_custom_attribute(name: &str) -> bool {
    name.strip_prefix("custom:").is_some_and(|name| {
        let is_allowed = |character: char| !character.is_whitespace() && !character.is_control();
        (1..=20).contains(&name.chars().count()) && name.chars().all(is_allowed)
    })
}
