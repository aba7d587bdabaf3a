//! The CloudFormation templates, which need nothing but the archives of the functions in a bucket (`cdk/lib/dist/`).

use std::path::Path;

use anyhow::Result;

use super::functions::Architecture;

/// Writes the templates into `templates/` in `folder`, which already has the archives of the functions.
///
/// # Errors
/// If Node.js cannot be run, or an archive is missing. The message has the output of the script.
pub(super) fn write(folder: &Path, architecture: Architecture) -> Result<()> {
    local::templates::make(folder, architecture.name())
}
