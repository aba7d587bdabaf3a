//! The environment of a function, read and checked once.

use crate::copy_source::CopySourceSettings;
use shared::model::configuration::ConfigurationKeys;
use shared::model::{Headroom, Retention, SubMapRetention, Tps};
use shared::ports::Announcement;
use shared::{Error, ErrorKind, Guidance, Result};

/// Which messages the topic receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnsPreference {
    /// `INFO_AND_ERRORS`: a message at the end of every run.
    InfoAndErrors,
    /// `ERRORS_ONLY`: runs that failed, and restores that are partial.
    ErrorsOnly,
}

impl SnsPreference {
    /// Whether the topic receives this message.
    pub fn covers(self, announcement: &Announcement) -> bool {
        announcement.is_error || self == Self::InfoAndErrors
    }
}

/// One environment variable of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// The value if the variable is unset or empty, in words. None if the function needs the variable.
    pub default: Option<&'static str>,
    pub meaning: &'static str,
}

const ENCRYPTION_KEY: &str = "CONFIGURATION_KEY_ARN";
const MAC_KEY: &str = "CONFIGURATION_MAC_KEY_ARN";
const SOURCE_TABLE: &str = "COPY_SOURCE_TABLE_ARN";
const SOURCE_ROLE: &str = "COPY_SOURCE_ROLE_ARN";

/// Every variable that the functions read. `docs/reference/environment.md` is rendered from this table.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "BACKUP_TABLE_NAME",
        default: None,
        meaning: "The backup table: a DynamoDB table with the string keys `pk` and `sk`.",
    },
    Variable {
        name: "COGNITO_TPS",
        default: Some("10"),
        meaning: "Cognito calls per second of a run whose input sets no limit: 1 to 200.",
    },
    Variable {
        name: "QUOTA_HEADROOM",
        default: Some("the function does not ask Cognito for its quotas"),
        meaning: "The share of each of Cognito's request quotas that a run leaves to other clients, in percent: 0 to 90. \
                  Only `enumerate` reads it.",
    },
    Variable {
        name: "SPLIT_LISTING",
        default: Some("`NO`"),
        meaning: "`YES`: exports may split the listing of users, even if their input does not say so. `NO`: only if it does. \
                  Only `enumerate` reads it.",
    },
    Variable {
        name: "CAPTURE_CONFIGURATION",
        default: Some("`NO`"),
        meaning: "`YES`: exports capture the configuration of the pool. Only `export-page` reads it.",
    },
    Variable {
        name: ENCRYPTION_KEY,
        default: Some("exports leave secrets of the configuration out"),
        meaning: "The ARN of a multi-Region symmetric key of KMS, which encrypts each secret of the configuration. It needs \
                  `CONFIGURATION_MAC_KEY_ARN`. Only `export-page` calls it.",
    },
    Variable {
        name: MAC_KEY,
        default: Some("exports leave secrets of the configuration out"),
        meaning: "The ARN of a multi-Region HMAC_256 key of KMS, which tells whether a secret has changed. It needs \
                  `CONFIGURATION_KEY_ARN`. Only `export-page` calls it.",
    },
    Variable {
        name: "NOTIFICATION_TOPIC_ARN",
        default: Some("no messages"),
        meaning: "The SNS topic that gets a message at the end of each run.",
    },
    Variable {
        name: "SNS_PREFERENCE",
        default: Some("`INFO_AND_ERRORS`"),
        meaning: "`INFO_AND_ERRORS`: every run. `ERRORS_ONLY`: only failed runs and partial restores.",
    },
    Variable {
        name: "HEARTBEAT_PARAMETER",
        default: Some("no heartbeats"),
        meaning: "The name of a SecureString parameter of Systems Manager, in the Region of the function. It holds an address with \
                  `https:`, which the function calls after each sealed snapshot. Only `finalize` of the export reads it.",
    },
    Variable {
        name: "IMPORT_JOB_LOG_ROLE_ARN",
        default: Some("no import jobs: calls create all users"),
        meaning: "The role with which Cognito writes the logs of import jobs. It trusts cognito-idp.amazonaws.com.",
    },
    Variable {
        name: "REQUIRE_POOL_TAG",
        default: Some("`NO`"),
        meaning: "`YES`: imports write only to pools with the tag `cognito-backup=target` or `cognito-backup=repair`, and repair only pools \
                  with the latter. `NO`: the role alone decides. Only `enumerate` and `import-page` of the import read it.",
    },
    Variable {
        name: "SNAPSHOT_RETENTION",
        default: Some("removals keep every snapshot"),
        meaning: "The snapshots that a removal keeps, such as `days=35,monthly=12`. Only the removal reads it.",
    },
    Variable {
        name: SOURCE_TABLE,
        default: Some("no copies from another account"),
        meaning: "The ARN of the backup table of another account, whose new snapshots are copied into this one. It needs \
                  `COPY_SOURCE_ROLE_ARN`. Only the copy reads it.",
    },
    Variable {
        name: SOURCE_ROLE,
        default: Some("no copies from another account"),
        meaning: "The role that reads that table, mostly the reader role of its deployment. It needs `COPY_SOURCE_TABLE_ARN`.",
    },
    Variable {
        name: "COPY_SOURCE_EXTERNAL_ID",
        default: Some("no external id"),
        meaning: "The external id that the role requires.",
    },
    Variable {
        name: "SUB_MAP_RETENTION",
        default: Some("imports keep every sub map"),
        meaning: "The days for which the sub maps of restores are kept: 90 to 3650. Only `enumerate` of the import reads it.",
    },
    Variable {
        name: "RUST_LOG",
        default: Some("`info`"),
        meaning: "Which lines of this program the functions log, as the Rust crate `tracing` reads it: a level, or levels of `shared` and `shared_aws`. \
                  Lines of its dependencies are never logged, because they can hold names and addresses.",
    },
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `BACKUP_TABLE_NAME`.
    pub table: String,
    /// `COGNITO_TPS`, calls per second. 10 if unset.
    pub tps: Tps,
    /// `QUOTA_HEADROOM`, percent. If unset, runs do not ask Cognito for its quotas.
    pub headroom: Option<Headroom>,
    /// `SPLIT_LISTING`. `NO` if unset.
    pub split_listing: bool,
    /// `CAPTURE_CONFIGURATION`. `NO` if unset.
    pub capture_configuration: bool,
    /// `CONFIGURATION_KEY_ARN` and `CONFIGURATION_MAC_KEY_ARN`. If unset, exports leave secrets out.
    pub configuration_keys: Option<ConfigurationKeys>,
    /// `NOTIFICATION_TOPIC_ARN`, if set.
    pub topic: Option<String>,
    /// `HEARTBEAT_PARAMETER`, if set: the name of the parameter with the address for heartbeats.
    pub heartbeat_parameter: Option<String>,
    /// `IMPORT_JOB_LOG_ROLE_ARN`, if set: the role with which Cognito writes the logs of import jobs.
    pub import_job_log_role: Option<String>,
    /// `SNS_PREFERENCE`. `INFO_AND_ERRORS` if unset.
    pub preference: SnsPreference,
    /// `REQUIRE_POOL_TAG`. `NO` if unset.
    pub requires_pool_tag: bool,
    /// `SNAPSHOT_RETENTION`, such as `days=35,monthly=12`. If unset, all snapshots stay.
    pub retention: Option<Retention>,
    /// `COPY_SOURCE_TABLE_ARN`, `COPY_SOURCE_ROLE_ARN` and `COPY_SOURCE_EXTERNAL_ID`. If unset, no snapshot is copied from another
    /// account.
    pub copy_source: Option<CopySourceSettings>,
    /// `SUB_MAP_RETENTION`, days. If unset, all sub maps stay.
    pub sub_map_retention: Option<SubMapRetention>,
}

impl Environment {
    /// Reads the environment of the process.
    pub fn read() -> Result<Self> {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Reads variables through `get`. An empty variable counts as unset.
    pub fn from(get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let wrong =
            |what: String, guidance: Guidance| Error::new(ErrorKind::InvalidConfiguration, what, guidance);
        let table = get("BACKUP_TABLE_NAME").ok_or_else(|| {
            wrong(
                "The function's environment lacks BACKUP_TABLE_NAME.".to_owned(),
                "Set it to the name of the backup table.".into(),
            )
        })?;
        let tps = get("COGNITO_TPS").map(|tps| {
            Tps::parse(&tps).map_err(|error| {
                wrong(
                    format!("The function's environment has COGNITO_TPS={tps:?}."),
                    error.guidance().clone(),
                )
            })
        });
        let headroom = get("QUOTA_HEADROOM").map(|percent| {
            Headroom::parse(&percent).map_err(|error| {
                wrong(
                    format!("The function's environment has QUOTA_HEADROOM={percent:?}."),
                    error.guidance().clone(),
                )
            })
        });
        let is_yes = |name: &str| match get(name).as_deref() {
            None | Some("NO") => Ok(false),
            Some("YES") => Ok(true),
            Some(other) => Err(wrong(
                format!("The function's environment has {name}={other:?}."),
                "Set it to YES or NO.".into(),
            )),
        };
        let (split_listing, capture_configuration) =
            (is_yes("SPLIT_LISTING")?, is_yes("CAPTURE_CONFIGURATION")?);
        let requires_pool_tag = is_yes("REQUIRE_POOL_TAG")?;
        let configuration_keys = ConfigurationKeys::read(
            get(ENCRYPTION_KEY).as_deref(),
            get(MAC_KEY).as_deref(),
            [ENCRYPTION_KEY, MAC_KEY],
        )
        .map_err(|error| {
            let what = format!("The function's environment is wrong: {}", error.message());
            wrong(what, error.guidance().clone())
        })?;
        let preference = match get("SNS_PREFERENCE").as_deref() {
            None | Some("INFO_AND_ERRORS") => SnsPreference::InfoAndErrors,
            Some("ERRORS_ONLY") => SnsPreference::ErrorsOnly,
            Some(other) => {
                return Err(wrong(
                    format!("The function's environment has SNS_PREFERENCE={other:?}."),
                    "Set it to INFO_AND_ERRORS or ERRORS_ONLY.".into(),
                ));
            }
        };
        let retention = get("SNAPSHOT_RETENTION").map(|rules| {
            Retention::parse(&rules).map_err(|error| {
                wrong(
                    format!(
                        "The function's environment has SNAPSHOT_RETENTION={rules:?}: {}",
                        error.message()
                    ),
                    error.guidance().clone(),
                )
            })
        });
        let sub_map_retention = get("SUB_MAP_RETENTION").map(|days| {
            SubMapRetention::parse(&days).map_err(|error| {
                wrong(
                    format!("The function's environment has SUB_MAP_RETENTION={days:?}."),
                    error.guidance().clone(),
                )
            })
        });
        let copy_source = CopySourceSettings::read(
            (SOURCE_TABLE, get(SOURCE_TABLE)),
            (SOURCE_ROLE, get(SOURCE_ROLE)),
            get("COPY_SOURCE_EXTERNAL_ID"),
        )?;
        Ok(Self {
            table,
            tps: tps.transpose()?.unwrap_or(Tps::DEFAULT),
            headroom: headroom.transpose()?,
            split_listing,
            capture_configuration,
            configuration_keys,
            topic: get("NOTIFICATION_TOPIC_ARN"),
            heartbeat_parameter: get("HEARTBEAT_PARAMETER"),
            import_job_log_role: get("IMPORT_JOB_LOG_ROLE_ARN"),
            preference,
            requires_pool_tag,
            retention: retention.transpose()?,
            copy_source,
            sub_map_retention: sub_map_retention.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment> {
        Environment::from(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_variable_that_is_read_is_in_the_table() {
        let names = std::cell::RefCell::new(std::collections::BTreeSet::from(["RUST_LOG".to_owned()]));
        Environment::from(|name| {
            names.borrow_mut().insert(name.to_owned());
            (name == "BACKUP_TABLE_NAME").then(|| "t".to_owned())
        })
        .unwrap();
        assert_eq!(names.into_inner(), VARIABLES.iter().map(|variable| variable.name.to_owned()).collect());
    }

    #[test]
    fn only_variables_without_a_default_are_needed() {
        for missing in VARIABLES {
            let all = VARIABLES
                .iter()
                .filter(|variable| variable.default.is_none() && variable.name != missing.name);
            let all: Vec<_> = all.map(|variable| (variable.name, "t")).collect();
            assert_eq!(read(&all).is_err(), missing.default.is_none(), "{}", missing.name);
        }
    }

    #[test]
    fn unset_variables_have_their_defaults() {
        let environment = read(&[("BACKUP_TABLE_NAME", "t"), ("NOTIFICATION_TOPIC_ARN", "")]).unwrap();
        assert_eq!(
            (environment.tps, environment.topic, environment.preference),
            (Tps::DEFAULT, None, SnsPreference::InfoAndErrors)
        );
    }

    #[test]
    fn the_error_names_the_variable_with_a_wrong_value() {
        let refused = |variables: &[(&str, &str)]| {
            let error = read(variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            shared::report::cause(&error)
        };
        assert!(refused(&[]).contains("lacks BACKUP_TABLE_NAME"));
        for tps in ["0", "-1", "ten", "1000"] {
            let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("COGNITO_TPS", tps)]);
            assert!(message.contains("COGNITO_TPS") && message.contains("from 1 to 200"), "{message}");
        }
        let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("QUOTA_HEADROOM", "95")]);
        assert!(message.contains("QUOTA_HEADROOM") && message.contains("from 0 to 90"), "{message}");
        assert!(refused(&[("BACKUP_TABLE_NAME", "t"), ("SNS_PREFERENCE", "NONE")]).contains("ERRORS_ONLY"));
        for name in ["SPLIT_LISTING", "CAPTURE_CONFIGURATION", "REQUIRE_POOL_TAG"] {
            assert!(refused(&[("BACKUP_TABLE_NAME", "t"), (name, "true")]).contains("YES or NO"), "{name}");
        }
        for rules in ["35", "days=0", "days=35;monthly=12", "forever"] {
            let message = refused(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", rules)]);
            assert!(
                message.contains("SNAPSHOT_RETENTION") && message.contains("such as days=35,monthly=12"),
                "{message}"
            );
        }
    }

    #[test]
    fn one_key_of_the_configuration_alone_is_an_error_that_names_the_other() {
        let table = ("BACKUP_TABLE_NAME", "t");
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1a";
        for (set, missing) in [(ENCRYPTION_KEY, MAC_KEY), (MAC_KEY, ENCRYPTION_KEY)] {
            let error = read(&[table, (set, arn)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            assert!(error.message().contains(&format!("{missing} is not")), "{error}");
        }
        let both = read(&[table, (ENCRYPTION_KEY, arn), (MAC_KEY, arn)]).unwrap();
        assert_eq!(both.configuration_keys.unwrap().mac.as_str(), arn);
        let alias = "arn:aws:kms:eu-west-1:123456789012:alias/x";
        let error = read(&[table, (ENCRYPTION_KEY, arn), (MAC_KEY, alias)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
        assert!(shared::report::cause(&error).contains("multi-Region key"), "{error}");
    }

    #[test]
    fn the_table_and_the_role_of_the_source_of_copies_need_each_other() {
        let (table, role) =
            ("arn:aws:dynamodb:eu-west-1:111122223333:table/backup", "arn:aws:iam::111122223333:role/reader");
        let read = |table: &str, role: &str| {
            read(&[("BACKUP_TABLE_NAME", "t"), (SOURCE_TABLE, table), (SOURCE_ROLE, role)])
        };
        assert_eq!(read("", "").unwrap().copy_source, None);
        let source = read(table, role).unwrap().copy_source.unwrap();
        assert_eq!((source.region(), source.role()), ("eu-west-1", role));
        for (table, role, missing) in [(table, "", SOURCE_ROLE), ("", role, SOURCE_TABLE)] {
            let error = read(table, role).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            assert!(shared::report::cause(&error).contains(&format!("{missing} is not")), "{error}");
        }
        for wrong in ["backup", "arn:aws:dynamodb:eu-west-1:111122223333:table/", "arn:aws:s3:::table/backup"]
        {
            let error = read(wrong, role).unwrap_err();
            let message = shared::report::cause(&error);
            assert!(
                message.contains(SOURCE_TABLE) && message.contains("such as arn:aws:dynamodb:"),
                "{message}"
            );
        }
    }

    #[test]
    fn without_a_retention_all_sub_maps_stay() {
        let read = |days| read(&[("BACKUP_TABLE_NAME", "t"), ("SUB_MAP_RETENTION", days)]);
        assert_eq!(read("").unwrap().sub_map_retention, None);
        assert_eq!(read("400").unwrap().sub_map_retention.unwrap().to_string(), "400");
        for wrong in ["0", "89", "3651", "ever", "90d"] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration, "{wrong}");
            let message = shared::report::cause(&error);
            assert!(
                message.contains("SUB_MAP_RETENTION") && message.contains("from 90 to 3650"),
                "{message}"
            );
        }
    }

    #[test]
    fn without_a_retention_all_snapshots_stay() {
        for unset in ["", " "] {
            assert_eq!(
                read(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", unset)]).unwrap().retention,
                None
            );
        }
        let rules = read(&[("BACKUP_TABLE_NAME", "t"), ("SNAPSHOT_RETENTION", "monthly=12,days=35")])
            .unwrap()
            .retention;
        assert_eq!(rules.unwrap().to_string(), "days=35,monthly=12");
    }
}
