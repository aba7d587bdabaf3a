//! Archives that depend only on what is in them: the same files give the same bytes.
//!
//! Files stand in the order of their names. They have a fixed time, a fixed mode and no owner.

use std::io::{Cursor, Write};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// When each file of a tar was changed, in seconds since 1970: 1980-01-01, which is also the first time that a zip
/// can hold.
const CHANGED_AT: u64 = 315_532_800;
/// The byte in the header of gzip for an unknown operating system. Source: RFC 1952, 2.3.1.
const NO_OPERATING_SYSTEM: u8 = 255;

/// Whether a file is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A program: every user may run it.
    Program,
    /// Everything else.
    Document,
}

impl Kind {
    fn mode(self) -> u32 {
        match self {
            Self::Program => 0o755,
            Self::Document => 0o644,
        }
    }
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The path in the archive, with `/` between folders.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) content: Vec<u8>,
}

/// A tar, compressed with gzip.
///
/// # Errors
/// If a name is too long for a tar.
pub(super) fn tar_gz(mut members: Vec<Member>) -> Result<Vec<u8>> {
    sort(&mut members);
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(NO_OPERATING_SYSTEM)
        .write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for member in &members {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.content.len() as u64);
        header.set_mode(member.kind.mode());
        header.set_mtime(CHANGED_AT);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, &member.name, member.content.as_slice())
            .with_context(|| format!("cannot pack {}", member.name))?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// A zip, as Lambda reads it.
///
/// # Errors
/// If a member is too large for a zip.
pub(super) fn zip(mut members: Vec<Member>) -> Result<Vec<u8>> {
    sort(&mut members);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for member in &members {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(member.kind.mode());
        zip.start_file(member.name.as_str(), options)
            .with_context(|| format!("cannot pack {}", member.name))?;
        zip.write_all(&member.content)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn sort(members: &mut [Member]) {
    members.sort_by(|one, other| one.name.cmp(&other.name));
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn member(name: &str, kind: Kind, content: &str) -> Member {
        Member { name: name.to_owned(), kind, content: content.as_bytes().to_vec() }
    }

    fn members() -> Vec<Member> {
        vec![
            member("release/bin", Kind::Program, "#!/bin/sh\n"),
            member("release/LICENSE", Kind::Document, &"license ".repeat(1000)),
            member(&format!("release/{}", "long".repeat(40)), Kind::Document, "a name of over 100 bytes"),
        ]
    }

    fn reversed() -> Vec<Member> {
        members().into_iter().rev().collect()
    }

    #[test]
    fn an_archive_of_the_same_files_has_the_same_bytes() -> Result<()> {
        let first = (tar_gz(members())?, zip(members())?);
        assert!(first == (tar_gz(reversed())?, zip(reversed())?));
        let mut other = members();
        other[0].content.push(b'!');
        assert!(first.0 != tar_gz(other.clone())? && first.1 != zip(other)?);
        Ok(())
    }

    #[test]
    fn a_tar_has_sorted_files_with_a_fixed_time_mode_and_owner() -> Result<()> {
        let bytes = tar_gz(members())?;
        assert_eq!(bytes[4..8], [0; 4], "gzip has a time");
        let mut tar = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut expected = members();
        sort(&mut expected);
        let mut count = 0;
        for (entry, expected) in tar.entries()?.zip(&expected) {
            let mut entry = entry?;
            assert_eq!(entry.path()?.to_str(), Some(expected.name.as_str()));
            let header = entry.header();
            assert_eq!(header.mode()?, expected.kind.mode(), "{}", expected.name);
            assert_eq!((header.mtime()?, header.uid()?, header.gid()?), (CHANGED_AT, 0, 0));
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            assert!(content == expected.content);
            count += 1;
        }
        assert_eq!(count, 3);
        Ok(())
    }

    #[test]
    fn a_zip_has_a_program_that_lambda_may_run() -> Result<()> {
        let mut zip = zip::ZipArchive::new(Cursor::new(zip(members())?))?;
        assert_eq!(zip.len(), 3);
        assert_eq!(zip.by_index(0)?.name()?, "release/LICENSE");
        let mut license = zip.by_name("release/LICENSE")?;
        assert!(license.compressed_size() < license.size() / 10);
        assert_eq!(license.last_modified().map(|time| time.year()), Some(1980));
        let mut text = String::new();
        license.read_to_string(&mut text)?;
        assert_eq!(text, "license ".repeat(1000));
        drop(license);
        assert_eq!(zip.by_name("release/bin")?.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        Ok(())
    }
}
