//! `SHA256SUMS`: a digest of every file of a release, in the form that `sha256sum --check` reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The name of the file.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Writes the sums of all files in `folder` and its folders, sorted by path. [`SUMS`] itself has no line.
///
/// # Errors
/// If a file cannot be read, or the sums cannot be written.
pub(super) fn write(folder: &Path) -> Result<()> {
    let mut paths = Vec::new();
    collect(folder, "", &mut paths)?;
    paths.sort_unstable();
    let mut lines = String::new();
    for path in paths.iter().filter(|path| *path != SUMS) {
        let content = fs::read(folder.join(path)).with_context(|| format!("cannot read {path}"))?;
        lines.push_str(&format!("{}  {path}\n", hexadecimal(&Sha256::digest(&content))));
    }
    fs::write(folder.join(SUMS), lines).with_context(|| format!("cannot write {SUMS}"))
}

/// The paths of all files below `folder`, relative to the first one.
fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_sums_of_a_release_are_sorted_and_a_changed_file_shows() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("sums-{}", std::process::id()));
        fs::create_dir_all(folder.join("man"))?;
        fs::write(folder.join("man").join("page.1"), "abc")?;
        fs::write(folder.join("zip"), "")?;
        fs::write(folder.join("archive"), "abc")?;
        write(&folder)?;
        // The digests of "abc" and of nothing: FIPS 180-4, examples of NIST.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let expected = format!("{abc}  archive\n{abc}  man/page.1\n{nothing}  zip\n");
        assert_eq!(fs::read_to_string(folder.join(SUMS))?, expected);
        // The sums do not sum themselves.
        write(&folder)?;
        assert_eq!(fs::read_to_string(folder.join(SUMS))?, expected);

        if let Some(passes) = check(&folder) {
            assert!(passes);
            fs::write(folder.join("zip"), "changed")?;
            assert_eq!(check(&folder), Some(false));
        }
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// What `sha256sum` says. None without that program, which macOS does not have.
    fn check(folder: &Path) -> Option<bool> {
        let mut sha256sum = Command::new("sha256sum");
        let checked = sha256sum.current_dir(folder).args(["--check", "--strict", SUMS]).output();
        checked.ok().map(|output| output.status.success())
    }
}
