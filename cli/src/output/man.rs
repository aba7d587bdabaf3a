//! The answer of `man`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;

use super::Report;

/// Man pages that were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManPages {
    /// The folder of the pages.
    pub folder: PathBuf,
    /// The names of the files in it, sorted.
    pub pages: Vec<String>,
}

impl Report for ManPages {
    fn human(&self, _: Timestamp) -> String {
        let pages = plural(self.pages.len() as u64, "man page", "man pages");
        format!("{pages} written into {}.", self.folder.display())
    }
}
