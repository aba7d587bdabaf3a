//! The files of the AWS configuration, and whether they have a profile.

use std::path::PathBuf;

/// The two files in which the SDK and the AWS CLI look for profiles. Source: "Configuration and credential file settings",
/// AWS CLI User Guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFiles([PathBuf; 2]);

impl ProfileFiles {
    pub const CONFIG: &str = "AWS_CONFIG_FILE";
    pub const CREDENTIALS: &str = "AWS_SHARED_CREDENTIALS_FILE";

    /// The files that the environment names, or those in the home directory.
    pub fn of_environment() -> Self {
        Self::named(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn named(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).unwrap_or_else(|| "~".to_owned());
        let file = |name: &str, default: &str| {
            let path = variable(name).unwrap_or_else(|| default.to_owned());
            path.strip_prefix("~/")
                .map_or_else(|| PathBuf::from(&path), |rest| PathBuf::from(&home).join(rest))
        };
        Self([file(Self::CONFIG, "~/.aws/config"), file(Self::CREDENTIALS, "~/.aws/credentials")])
    }

    /// Says that no file has the profile. None if one has it, or exists and cannot be read.
    pub fn absence_of(&self, profile: &str) -> Option<String> {
        let mut names = Vec::new();
        for path in &self.0 {
            let name = path.display();
            match std::fs::read_to_string(path) {
                Ok(text) if has(&text, profile) => return None,
                Ok(_) => names.push(name.to_string()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    names.push(format!("{name} (no such file)"));
                }
                Err(_) => return None,
            }
        }
        Some(format!("neither {} has it", names.join(" nor ")))
    }
}

/// Whether the text of a file has a section for a profile: `[profile x]` or `[x]`.
fn has(text: &str, profile: &str) -> bool {
    let section = |line: &str| {
        let (name, _) = line.trim().strip_prefix('[')?.split_once(']')?;
        let name = name.trim();
        let name = name.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name);
        Some(name.trim().trim_matches(['"', '\'']).to_owned())
    };
    text.lines().filter_map(section).any(|name| name == profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_or_the_home_directory_says_where_the_files_are() {
        let files = |variables: &[(&str, &str)]| {
            ProfileFiles::named(|name| {
                variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let at = |one: &str, other: &str| ProfileFiles([one, other].map(PathBuf::from));
        assert_eq!(files(&[("HOME", "/h")]), at("/h/.aws/config", "/h/.aws/credentials"));
        let named = [("HOME", "/h"), (ProfileFiles::CONFIG, "~/c"), (ProfileFiles::CREDENTIALS, "/k")];
        assert_eq!(files(&named), at("/h/c", "/k"));
    }

    #[test]
    fn a_profile_is_a_section_of_one_of_the_files() {
        let folder = std::env::temp_dir().join(format!("profiles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [config, credentials] = ["config", "credentials"].map(|name| folder.join(name));
        let files = ProfileFiles([config.clone(), credentials.clone()]);
        std::fs::write(
            &config,
            "[default]\n[profile one]\nregion = x\n [ profile \"two words\" ]\n# [profile no]\n",
        )
        .unwrap();
        let absence = files.absence_of("three").unwrap();
        assert_eq!(
            absence,
            format!("neither {} nor {} (no such file) has it", config.display(), credentials.display())
        );
        std::fs::write(&credentials, "[three]\naws_access_key_id = x\n").unwrap();
        for profile in ["default", "one", "two words", "three"] {
            assert_eq!(files.absence_of(profile), None, "{profile}");
        }
        assert!(files.absence_of("no").is_some() && files.absence_of("profile one").is_some());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
