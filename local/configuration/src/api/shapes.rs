//! Reads `api.txt`, the part of the API model that the rules need.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The least and the most characters, bytes, entries or value of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

/// The type of a member.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Flag,
    Integer(Bounds),
    /// With the name of its pattern.
    Text(Bounds, Option<&'static str>),
    Choice(Vec<&'static str>),
    Blob(Bounds),
    List(Bounds, Box<Self>),
    Map(Bounds, Box<Self>, Box<Self>),
    Structure(&'static str),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub name: &'static str,
    pub is_required: bool,
    pub shape: Shape,
}

/// A request, and the errors that can answer it, without `Exception` at the end.
#[derive(Debug)]
pub(crate) struct Operation {
    pub members: Vec<Member>,
    errors: Vec<&'static str>,
}

impl Operation {
    /// Whether the model names an error for the operation.
    pub fn raises(&self, code: &str) -> bool {
        code.strip_suffix("Exception").is_some_and(|code| self.errors.contains(&code))
    }

    /// Whether the request names one pool.
    pub fn is_of_pool(&self) -> bool {
        self.members.iter().any(|member| member.name == "UserPoolId")
    }
}

#[derive(Debug, Default)]
pub(super) struct Api {
    pub structures: HashMap<&'static str, Vec<Member>>,
    pub operations: HashMap<&'static str, Operation>,
}

impl Api {
    pub fn get() -> &'static Self {
        static API: OnceLock<Api> = OnceLock::new();
        API.get_or_init(|| Self::read(include_str!("api.txt")))
    }

    fn read(text: &'static str) -> Self {
        let mut api = Self::default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for block in lines.split(|line| line.is_empty()) {
            let Some((head, members)) = block.split_first() else { continue };
            let members = members.iter().filter_map(|line| member(line)).collect();
            match head.split_once(" refused with ") {
                Some((name, errors)) => {
                    let errors = errors.split(' ').collect();
                    api.operations.insert(name, Operation { members, errors });
                }
                None => {
                    api.structures.insert(head, members);
                }
            }
        }
        api
    }
}

fn member(line: &'static str) -> Option<Member> {
    let (name, shape) = line.trim_start().split_once(' ')?;
    let bare = name.trim_end_matches('!');
    Some(Member {
        name: bare,
        is_required: name != bare,
        shape: read_shape(&mut shape.split(' ').peekable())?,
    })
}

fn read_shape(words: &mut std::iter::Peekable<std::str::Split<'static, char>>) -> Option<Shape> {
    let kind = words.next()?;
    let bounds = words.next_if(|word| word.contains("..")).map(bounds).unwrap_or_default();
    Some(match kind {
        "any" => Shape::Any,
        "bool" => Shape::Flag,
        "int" => Shape::Integer(bounds),
        "text" => Shape::Text(bounds, words.next_if(|word| *word != "to")),
        "enum" => Shape::Choice(words.next()?.split('|').collect()),
        "blob" => Shape::Blob(bounds),
        "list" => {
            words.next_if_eq(&"of")?;
            Shape::List(bounds, Box::new(read_shape(words)?))
        }
        "map" => {
            words.next_if_eq(&"from")?;
            let key = read_shape(words)?;
            words.next_if_eq(&"to")?;
            Shape::Map(bounds, Box::new(key), Box::new(read_shape(words)?))
        }
        structure => Shape::Structure(structure),
    })
}

fn bounds(text: &str) -> Bounds {
    let (min, max) = text.split_once("..").unwrap_or_default();
    Bounds { min: min.parse().ok(), max: max.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::patterns::Pattern;

    fn check(api: &Api, shape: &Shape) {
        match shape {
            Shape::Structure(name) => assert!(api.structures.contains_key(name), "{name}"),
            Shape::Text(_, Some(pattern)) => assert!(Pattern::exists(pattern), "{pattern}"),
            Shape::List(_, of) => check(api, of),
            Shape::Map(_, key, of) => [key, of].into_iter().for_each(|shape| check(api, shape)),
            _ => {}
        }
    }

    #[test]
    fn every_line_of_the_model_is_read_and_every_name_in_it_is_known() {
        let api = Api::get();
        let members: Vec<&Member> = api
            .structures
            .values()
            .chain(api.operations.values().map(|operation| &operation.members))
            .flatten()
            .collect();
        let lines = include_str!("api.txt").lines().filter(|line| line.starts_with("  ")).count();
        assert_eq!(members.len(), lines);
        members.iter().for_each(|member| check(api, &member.shape));
    }
}
