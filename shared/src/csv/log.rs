//! The log of a job in CloudWatch Logs.

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineOutcome {
    /// `[SUCCEEDED]`: the user was created.
    Succeeded,
    /// `[SKIPPED]`: the target has such a user already.
    Skipped,
    /// `[FAILED]`: the user was not created, and the job went on.
    Failed,
    /// A word that is not documented.
    Unknown,
}

/// One line of the log that speaks of one line of the file.
///
/// Source: "Viewing the user pool import results in the CloudWatch console". The log group is
/// `/aws/cognito/userpools/<pool id>/<pool name>`, the stream `<job id>/<job name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The line of the file, as Cognito counts.
    pub line: u64,
    /// What became of it.
    pub outcome: LineOutcome,
    /// Cognito's words, at most 200 characters. "No user data is written to the log"; of words that are not documented
    /// everything is taken out that could be some nevertheless: whatever stands in quotation marks or brackets, numbers, and
    /// words with `@`, `+` or letters beyond ASCII. `…` stands in their place.
    pub detail: String,
}

const LONGEST_DETAIL: usize = 200;
const LEFT_OUT: char = '…';

impl LogLine {
    /// Parses the message of a log event such as `[SUCCEEDED] Line Number 5956 - The import succeeded.`; none for messages
    /// about no line: a job's log begins with some, `Cognito User Pools Import - Test Log` for example (seen, not documented).
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

/// What is left of Cognito's words when everything that could be a value is taken out.
fn without_values(words: &str) -> String {
    let mut clean = String::new();
    for word in without_quotations(words).split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        let is_ours = |c: char| c.is_ascii() || c == LEFT_OUT;
        match word.contains(['@', '+']) || !word.chars().all(is_ours) {
            true => clean.push(LEFT_OUT),
            false => clean.push_str(&without_numbers(word)),
        }
    }
    match clean.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => clean[..end].to_owned(),
        None => clean,
    }
}

/// Takes out what stands in quotation marks or brackets, to the end if they are not closed. Round brackets are Cognito's own.
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
                    // Between letters it is an apostrophe.
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
                kept.push(if closing.is_some() { LEFT_OUT } else { character });
            }
        }
        before = character;
    }
    kept
}

fn without_numbers(word: &str) -> String {
    let mut kept = String::new();
    for character in word.chars() {
        match character.is_ascii_digit() {
            true if kept.ends_with(LEFT_OUT) => {}
            true => kept.push(LEFT_OUT),
            false => kept.push(character),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The developer guide's examples, and the wording of aws-solutions/cognito-user-profiles-export-reference-architecture
    /// issue 58.
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
    fn the_documented_lines_are_read_and_kept_word_by_word() {
        let outcomes = [LineOutcome::Succeeded, LineOutcome::Skipped, LineOutcome::Failed, LineOutcome::Failed];
        for (message, outcome) in KNOWN.into_iter().zip(outcomes) {
            let (_, detail) = message.split_once(" - ").unwrap();
            assert_eq!(LogLine::parse(message), Some(LogLine { line: 5956, outcome, detail: detail.to_owned() }));
        }
    }

    #[test]
    fn other_lines_of_a_log_are_none_about_a_user() {
        for other in ["Cognito User Pools Import - Test Log", "", "[FAILED] Line Number - x", "[FAILED] Line Number x", "[FAILED"]
        {
            assert_eq!(LogLine::parse(other), None, "{other}");
        }
        assert_eq!(LogLine::parse("[FAILED] Line Number 99999999999999999999 - x"), None);
    }

    #[test]
    fn small_differences_do_no_harm() {
        let read = LogLine::parse(" [WARNING]  Line Number 3\n").unwrap();
        assert_eq!(read, LogLine { line: 3, outcome: LineOutcome::Unknown, detail: String::new() });
        assert_eq!(LogLine::parse("[SKIPPED] Line Number 2: seen").unwrap().detail, ": seen");
    }

    #[test]
    fn values_are_taken_out_of_words_that_are_not_known() {
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
            prop_assert!(clean.chars().count() <= LONGEST_DETAIL);
            prop_assert!(clean.starts_with("The value … … … of … … … is bad."), "{}", clean);
        }

        #[test]
        fn no_message_makes_it_panic(message in any::<String>()) {
            let _ = LogLine::parse(&message);
            let _ = LogLine::parse(&format!("[FAILED] Line Number 1 - {message}"));
        }
    }
}
