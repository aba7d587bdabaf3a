//! A captured configuration as the files of a tool: what `pool show --format` prints or writes.

mod cloudformation;
mod terraform;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::configuration::code::{Gap, PoolAsCode, Tool};
use shared::model::{PoolId, RunId};
use shared::{Error, ErrorKind};

use super::Report;
use crate::problem::{Problem, Result};

/// A file of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeFile {
    pub name: &'static str,
    pub content: String,
    /// Whether the file can have comments, so that it can follow another one on stdout.
    #[serde(skip)]
    is_data: bool,
}

/// What `pool show --format` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolCode {
    user_pool_id: PoolId,
    snapshot_id: RunId,
    format: &'static str,
    /// The files. Empty if they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<CodeFile>,
    /// Where the files are, if they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    written: Vec<PathBuf>,
    /// The secrets that the operator supplies: the names of parameters or variables.
    secrets: Vec<SuppliedSecret>,
    /// What the code does not have.
    left_out: Vec<LeftOutOfCode>,
    /// What CloudFormation refuses of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// A secret that the operator supplies.
#[derive(Debug, Serialize)]
struct SuppliedSecret {
    name: String,
    of: String,
}

/// An object or a member that the code does not have.
#[derive(Debug, Serialize)]
struct LeftOutOfCode {
    #[serde(flatten)]
    gap: Gap,
    words: String,
}

impl PoolCode {
    /// The files of `tool` for the configuration of a snapshot.
    ///
    /// # Errors
    /// A fault of this program, if a file cannot be composed.
    pub fn new(pool: &PoolId, snapshot: &RunId, tool: Tool, code: &PoolAsCode) -> Result<Self> {
        let head = head(pool, snapshot, tool, code);
        let files = match tool {
            Tool::CloudFormation => cloudformation::files(code, &head),
            Tool::Terraform => terraform::files(code, &head),
        };
        let files =
            files.map_err(|error| Problem::internal(format!("The code cannot be written: {error}.")))?;
        let refused = match tool {
            Tool::CloudFormation => cloudformation::refused(&files, code.resources.len()),
            Tool::Terraform => None,
        };
        let left_out = |gap: &Gap| LeftOutOfCode { gap: gap.clone(), words: gap.words(tool) };
        let secret = |secret: &shared::model::configuration::code::SecretParameter| SuppliedSecret {
            name: secret.name.clone(),
            of: secret.of.clone(),
        };
        Ok(Self {
            user_pool_id: pool.clone(),
            snapshot_id: snapshot.clone(),
            format: match tool {
                Tool::CloudFormation => "cloudformation",
                Tool::Terraform => "terraform",
            },
            files,
            written: Vec::new(),
            secrets: code.secrets.iter().map(secret).collect(),
            left_out: code.gaps.iter().map(left_out).collect(),
            refused,
        })
    }

    /// Writes the files into a folder, which is made if it does not exist. Files that exist stay as they are.
    ///
    /// # Errors
    /// If a file exists or cannot be written.
    pub fn write_into(mut self, folder: &Path) -> Result<Self> {
        let paths: Vec<PathBuf> = self.files.iter().map(|file| folder.join(file.name)).collect();
        if let Some(known) = paths.iter().find(|path| path.exists()) {
            return Err(in_the_way(known));
        }
        std::fs::create_dir_all(folder).map_err(|error| Problem::unwritten(&error))?;
        let mut created = Vec::new();
        for (path, file) in paths.iter().zip(&self.files) {
            if let Err(error) = write_new(path, &file.content, &mut created) {
                // A part of the code would be in the way of the next attempt.
                created.iter().for_each(|path| drop(std::fs::remove_file(path)));
                return Err(match error.kind() {
                    std::io::ErrorKind::AlreadyExists => in_the_way(path),
                    _ => Problem::unwritten(&error),
                });
            }
        }
        self.files = Vec::new();
        self.written = paths;
        Ok(self)
    }

    /// What the tool refuses of the code, for stderr. None if it is within the limits.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// What the code does not have, for stderr. None if it has everything.
    pub fn left_out(&self) -> Option<String> {
        if self.left_out.is_empty() {
            return None;
        }
        let lines = self.left_out.iter().map(|left| format!("\n  {}", left.words));
        let count = plural(self.left_out.len() as u64, "part", "parts");
        Some(format!("The code does not have {count} of the configuration:{}", lines.collect::<String>()))
    }
}

/// Writes a file that does not exist, and says that it created it.
fn write_new<'a>(path: &'a Path, content: &str, created: &mut Vec<&'a Path>) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    created.push(path);
    file.write_all(content.as_bytes())
}

fn in_the_way(path: &Path) -> Problem {
    let what = format!("The file {} exists.", path.display());
    Error::new(ErrorKind::InvalidInput, what, "Name another folder, or move the file.").into()
}

impl Report for PoolCode {
    /// The files one after another. The first one can be used as it is printed: lists of imports follow in comments.
    fn human(&self, _: Timestamp) -> String {
        if !self.written.is_empty() {
            let lines = self.written.iter().map(|path| format!("Written: {}", path.display()));
            return lines.collect::<Vec<_>>().join("\n");
        }
        let mut text = String::new();
        for (number, file) in self.files.iter().enumerate() {
            if number > 0 {
                text += &format!("\n# {}\n", file.name);
            }
            if file.is_data {
                text += &commented(&file.content);
            } else {
                text += &file.content;
            }
        }
        text.trim_end().to_owned()
    }
}

/// The lines as comments of YAML and HCL.
fn commented(text: &str) -> String {
    let comment = |line: &str| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") };
    text.lines().map(comment).collect()
}

/// The provider that the code is for. The versions 5 and the first ones of version 6 lack some of the resources.
const PROVIDER: &str = "\nIt is for Terraform 1.5 or newer, and for the provider hashicorp/aws 6 of September 2026 or newer.\n\
                        An older provider refuses it.";

/// What stands at the head of the first file: where the code comes from, and what it does not have.
fn head(pool: &PoolId, snapshot: &RunId, tool: Tool, code: &PoolAsCode) -> String {
    let mut lines = format!(
        "User pool {pool}, as snapshot {snapshot} of cognito-backup has it.\n\
         The guide \"Protect a pool from infrastructure code\" says how to import it."
    );
    if tool == Tool::Terraform {
        lines += PROVIDER;
    }
    if !code.secrets.is_empty() {
        lines += "\n\nYou supply these secrets:";
        code.secrets
            .iter()
            .for_each(|secret| lines += &format!("\n  {}: {}", secret.name, line_of(&secret.of)));
    }
    if !code.gaps.is_empty() {
        lines += "\n\nThis code does not have:";
        code.gaps.iter().for_each(|gap| lines += &format!("\n  {}", gap.words(tool)));
    }
    commented(&lines)
}

/// A name on one line.
fn line_of(name: &str) -> String {
    if name.contains(char::is_control) { format!("{name:?}") } else { name.to_owned() }
}
