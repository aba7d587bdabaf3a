//! A function's environment, read once and checked.

use shared::model::{Headroom, Retention, Tps};
use shared::ports::Announcement;
use shared::{Error, ErrorKind, Result};

/// What the topic is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnsPreference {
    /// `INFO_AND_ERRORS`: the end of every run.
    InfoAndErrors,
    /// `ERRORS_ONLY`: runs that failed or restored in part.
    ErrorsOnly,
}

impl SnsPreference {
    /// Whether the topic is to be told this.
    pub fn covers(self, announcement: &Announcement) -> bool {
        announcement.is_error || self == Self::InfoAndErrors
    }
}

/// The settings of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `BACKUP_TABLE_NAME`.
    pub table: String,
    /// `COGNITO_TPS`, calls per second; 10 where unset.
    pub tps: Tps,
    /// `QUOTA_HEADROOM`, percent; where unset, Cognito is not asked for its quotas.
    pub headroom: Option<Headroom>,
    /// `NOTIFICATION_TOPIC_ARN`, where set.
    pub topic: Option<String>,
    /// `IMPORT_JOB_LOG_ROLE_ARN`, where set: the role by which Cognito writes the logs of import jobs.
    pub import_job_log_role: Option<String>,
    /// `SNS_PREFERENCE`; `INFO_AND_ERRORS` where unset.
    pub preference: SnsPreference,
    /// `SNAPSHOT_RETENTION`, such as `days=35,monthly=12`; where unset, every snapshot is kept.
    pub retention: Option<Retention>,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Result<Self> {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Reads variables through `get`. An empty variable counts as unset.
    pub fn from(get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let wrong = |what: String, guidance: String| Error::new(ErrorKind::InvalidConfiguration, what, guidance);
        let table = get("BACKUP_TABLE_NAME").ok_or_else(|| {
            wrong(
                "The function's environment lacks BACKUP_TABLE_NAME.".to_owned(),
                "Set it to the name of the backup table.".to_owned(),
            )
        })?;
        let tps = get("COGNITO_TPS").map(|tps| {
            Tps::parse(&tps).map_err(|error| {
                wrong(format!("The function's environment has COGNITO_TPS={tps:?}."), error.guidance().to_owned())
            })
        });
        let headroom = get("QUOTA_HEADROOM").map(|percent| {
            Headroom::parse(&percent).map_err(|error| {
                wrong(format!("The function's environment has QUOTA_HEADROOM={percent:?}."), error.guidance().to_owned())
            })
        });
        let preference = match get("SNS_PREFERENCE").as_deref() {
            None | Some("INFO_AND_ERRORS") => SnsPreference::InfoAndErrors,
            Some("ERRORS_ONLY") => SnsPreference::ErrorsOnly,
            Some(other) => {
                return Err(wrong(
                    format!("The function's environment has SNS_PREFERENCE={other:?}."),
                    "Set it to INFO_AND_ERRORS or ERRORS_ONLY.".to_owned(),
                ));
            }
        };
        let retention = get("SNAPSHOT_RETENTION").map(|rules| {
            Retention::parse(&rules).map_err(|error| {
                wrong(
                    format!("The function's environment has SNAPSHOT_RETENTION={rules:?}: {}", error.message()),
                    error.guidance().to_owned(),
                )
            })
        });
        Ok(Self {
            table,
            tps: tps.transpose()?.unwrap_or(Tps::DEFAULT),
            headroom: headroom.transpose()?,
            topic: get("NOTIFICATION_TOPIC_ARN"),
            import_job_log_role: get("IMPORT_JOB_LOG_ROLE_ARN"),
            preference,
            retention: retention.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment> {
        Environment::from(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn defaults_apply() {
        let environment = read(&[("BACKUP_TABLE_NAME", "t"), ("NOTIFICATION_TOPIC_ARN", "")]).unwrap();
        assert_eq!(
            (environment.tps, environment.topic, environment.preference),
            (Tps::DEFAULT, None, SnsPreference::InfoAndErrors)
        );
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |variables: &[(&str, &str)]| {
            let error = read(variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            error.to_string()
        };
        assert!(refused(&[]).contains("lacks BACKUP_TABLE_NAME"));
        for tps in ["0", "-1", "ten", "1000"] {
            let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("COGNITO_TPS", tps)]);
            assert!(message.contains("COGNITO_TPS") && message.contains("from 1 to 200"), "{message}");
        }
        let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("QUOTA_HEADROOM", "95")]);
        assert!(message.contains("QUOTA_HEADROOM") && message.contains("from 0 to 90"), "{message}");
        assert!(refused(&[("BACKUP_TABLE_NAME", "t"), ("SNS_PREFERENCE", "NONE")]).contains("ERRORS_ONLY"));
        for rules in ["35", "days=0", "days=35;monthly=12", "forever"] {
            let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", rules)]);
            assert!(message.contains("SNAPSHOT_RETENTION") && message.contains("such as days=35,monthly=12"), "{message}");
        }
    }

    #[test]
    fn without_a_retention_everything_is_kept() {
        for unset in ["", " "] {
            assert_eq!(read(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", unset)]).unwrap().retention, None);
        }
        let rules = read(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", "monthly=12,days=35")]).unwrap().retention;
        assert_eq!(rules.unwrap().to_string(), "days=35,monthly=12");
    }
}
