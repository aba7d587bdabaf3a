//! The log of a job in CloudWatch Logs.

/// The outcome of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineOutcome {
    /// `[SUCCEEDED]`: the user was created.
    Succeeded,
    /// `[SKIPPED]`: the target already has the user.
    Skipped,
    /// `[FAILED]`: the job did not create the user, and continued.
    Failed,
    /// A word that AWS does not document.
    Unknown,
}

/// A line of the log about a line of the file.
///
/// Source: "Viewing the user pool import results in the CloudWatch console". The log group is
/// `/aws/cognito/userpools/<pool id>/<pool name>`, the stream `<job id>/<job name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The line of the file, in Cognito's count.
    pub line: u64,
    pub outcome: LineOutcome,
    /// Cognito's text, at most 200 characters. `…` replaces all that could be a value: quotations,
    /// brackets, numbers, and words with `@`, `+` or letters beyond ASCII. AWS says "No user data
    /// is written to the log", but documents only some of the texts.
    pub detail: String,
}

const MAX_DETAIL_CHARACTERS: usize = 200;
const OMISSION: char = '…';

impl LogLine {
    /// Parses the message of a log event such as `[SUCCEEDED] Line Number 5956 - The import
    /// succeeded.` None if the message names no line: a log begins with `Cognito User Pools Import
    /// - Test Log`, for example (seen, not documented).
    pub fn parse(message: &str) -> Option<Self> {
        let (word, rest) = message.trim().strip_prefix('[')?.split_once(']')?;
        let rest = rest.trim_start().strip_prefix("Line Number ")?.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, detail) = rest.split_at(end);
        let outcome = match word.trim() {
            "SUCCEEDED" => LineOutcome::Succeeded,
            "SKIPPED" => LineOutcome::Skipped,
            "FAILED" => LineOutcome::Failed,
            _ => LineOutcome::Unknown,
        };
        let detail = detail.trim_start();
        let detail = without_values(detail.strip_prefix('-').unwrap_or(detail));
        Some(Self { line: number.parse().ok()?, outcome, detail })
    }
}

/// Replaces all that could be a value.
fn without_values(words: &str) -> String {
    let mut clean = String::new();
    for word in without_quotations(words).split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        let is_plain = |c: char| c.is_ascii() || c == OMISSION;
        if word.contains(['@', '+']) || !word.chars().all(is_plain) {
            clean.push(OMISSION);
        } else {
            clean.push_str(&without_numbers(word));
        }
    }
    match clean.char_indices().nth(MAX_DETAIL_CHARACTERS) {
        Some((end, _)) => clean[..end].to_owned(),
        None => clean,
    }
}

/// Replaces quotations and brackets, up to the end if they are not closed. Cognito's own texts use
/// round brackets, which stay.
fn without_quotations(words: &str) -> String {
    let mut kept = String::new();
    let mut closing = None;
    let mut before = ' ';
    for character in words.chars() {
        match closing {
            Some(close) if character == close => closing = None,
            Some(_) => {}
            None => {
                closing = match character {
                    // After a letter it is an apostrophe.
                    '\'' if before.is_alphanumeric() => None,
                    '\'' | '"' | '`' => Some(character),
                    '‘' => Some('’'),
                    '“' | '„' => Some('”'),
                    '«' => Some('»'),
                    '[' => Some(']'),
                    '{' => Some('}'),
                    '<' => Some('>'),
                    _ => None,
                };
                kept.push(if closing.is_some() { OMISSION } else { character });
            }
        }
        before = character;
    }
    kept
}

fn without_numbers(word: &str) -> String {
    let mut kept = String::new();
    for character in word.chars() {
        if !character.is_ascii_digit() {
            kept.push(character);
        } else if !kept.ends_with(OMISSION) {
            kept.push(OMISSION);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The developer guide's examples, and the wording of
    /// aws-solutions/cognito-user-profiles-export-reference-architecture issue 58.
    const KNOWN: [&str; 4] = [
        "[SUCCEEDED] Line Number 5956 - The import succeeded.",
        "[SKIPPED] Line Number 5956 - The user already exists.",
        "[FAILED] Line Number 5956 - The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).",
        "[FAILED] Line Number 5956 - The User Record does not set any of the auto verified attributes to verified. (Example: email_verified to true).",
    ];

    fn detail(words: &str) -> String {
        LogLine::parse(&format!("[FAILED] Line Number 7 - {words}")).unwrap().detail
    }

    #[test]
    fn documented_lines_keep_their_text() {
        let outcomes =
            [LineOutcome::Succeeded, LineOutcome::Skipped, LineOutcome::Failed, LineOutcome::Failed];
        for (message, outcome) in KNOWN.into_iter().zip(outcomes) {
            let (_, detail) = message.split_once(" - ").unwrap();
            assert_eq!(
                LogLine::parse(message),
                Some(LogLine { line: 5956, outcome, detail: detail.to_owned() })
            );
        }
    }

    #[test]
    fn other_messages_are_not_about_a_line() {
        for other in [
            "Cognito User Pools Import - Test Log",
            "",
            "[FAILED] Line Number - x",
            "[FAILED] Line Number x",
            "[FAILED",
        ] {
            assert_eq!(LogLine::parse(other), None, "{other}");
        }
        assert_eq!(LogLine::parse("[FAILED] Line Number 99999999999999999999 - x"), None);
    }

    #[test]
    fn unknown_words_and_missing_dashes_are_read() {
        let read = LogLine::parse(" [WARNING]  Line Number 3\n").unwrap();
        assert_eq!(read, LogLine { line: 3, outcome: LineOutcome::Unknown, detail: String::new() });
        assert_eq!(LogLine::parse("[SKIPPED] Line Number 2: seen").unwrap().detail, ": seen");
    }

    #[test]
    fn values_are_replaced_in_unknown_texts() {
        insta::assert_snapshot!(
            [
                "The birthdate '1985-02-01' isn't valid.",
                "anna@example.com is taken by +4915112345678, O'Brien's number",
                "Row 12,345 has 3 columns [Anna, Example], expected 21 {\"a\": 1}",
                "The value “Anna” of “custom:tier",
                "Jürgen could not be read: <Anna>",
                "'Anna’s: it isn't closed",
            ]
            .map(detail)
            .join("\n"),
            @r"
        The birthdate … isn't valid.
        … is taken by … O'Brien's number
        Row …,… has … columns …, expected … …
        The value … of …
        … could not be read: …
        …t closed
        "
        );
        assert_eq!(detail(&"word ".repeat(100)).chars().count(), 200);
    }

    proptest! {
        #[test]
        fn no_detail_shows_a_number_an_address_or_a_quotation(words in "\\PC{0,80}", name in "[A-Za-z]{3,12}", number in 10u64..) {
            let text = format!("The value '{name}#' \"{name}#\" [{name}#] of {name}#@example.com {number} +{number} is bad. {words}");
            let clean = detail(&text);
            prop_assert!(!clean.contains(&format!("{name}#")), "{}", clean);
            prop_assert!(!clean.contains(['@', '+']) && !clean.chars().any(|c| c.is_numeric()), "{}", clean);
            prop_assert!(clean.chars().count() <= MAX_DETAIL_CHARACTERS);
            prop_assert!(clean.starts_with("The value … … … of … … … is bad."), "{}", clean);
        }

        #[test]
        fn parsing_any_message_never_panics(message in any::<String>()) {
            let _ = LogLine::parse(&message);
            let _ = LogLine::parse(&format!("[FAILED] Line Number 1 - {message}"));
        }
    }
}
