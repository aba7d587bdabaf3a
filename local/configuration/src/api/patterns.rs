//! The patterns of the API model, by name. `\w` of the model is ASCII, as in Java.

/// A pattern is a test of a whole text.
pub(super) struct Pattern;

type Test = fn(&str) -> bool;

const PATTERNS: [(&str, Test); 22] = [
    ("pool-id", |text| {
        text.split_once('_').is_some_and(|(region, rest)| {
            !region.is_empty()
                && all(region, |c| is_word(c) || c == '-')
                && !rest.is_empty()
                && all(rest, is_word)
        })
    }),
    ("name", |text| all(text, |c| is_word(c) || c.is_ascii_whitespace() || "+=,.@-".contains(c))),
    ("word", |text| all(text, |c| is_word(c) || c == '+')),
    ("token", |text| all(text, |c| !c.is_whitespace())),
    ("arn", is_arn),
    ("arn-or-empty", |text| text.is_empty() || is_arn(text)),
    ("bucket-arn", |text| text.starts_with("arn:") && text.contains(":::") && all(text, is_of_arn)),
    ("with-code", |text| text.contains("{####}")),
    ("with-link", |text| text.split_once("{##").is_some_and(|(_, rest)| rest.contains("##}"))),
    ("address", |text| text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())),
    ("printable", |text| all(text, |c| !c.is_control() || c.is_ascii_whitespace())),
    ("no-space", |text| all(text, |c| !c.is_control() && !c.is_whitespace())),
    ("scope", is_scope),
    ("scope-part", |text| is_scope(text) && !text.contains('/')),
    ("level", |text| ["Level1", "Level2", "Level3", "Level4"].contains(&text)),
    ("id", |text| all(text, |c| is_word(c) || c == '-')),
    ("hex", |text| all(text, |c| c.is_ascii_hexdigit())),
    ("uuid", |text| text.len() == 36 && all(text, |c| c.is_ascii_hexdigit() || c == '-')),
    // The model's pattern has no dots, but a custom domain needs them: CreateUserPoolDomain, API reference.
    ("domain", |text| all(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))),
    ("language", |text| {
        const LANGUAGES: [&str; 13] = [
            "default",
            "dutch",
            "english",
            "french",
            "spanish",
            "german",
            "bahasa-indonesia",
            "italian",
            "japanese",
            "korean",
            "portuguese-brazil",
            "chinese-simplified",
            "chinese-traditional",
        ];
        text.strip_prefix("cognito:").is_some_and(|language| LANGUAGES.contains(&language))
    }),
    ("https", |text| {
        text.starts_with("https://") && all(text, |c| c.is_ascii_graphic() && c != '"' && c != '#')
    }),
    // Three characters at least, without an underscore or space at the beginning and the end:
    // CreateIdentityProvider, API reference.
    ("provider-name", |text| {
        let is_edge = |c: char| c != '_' && !c.is_whitespace();
        text.chars().count() >= 3 && text.starts_with(is_edge) && text.ends_with(is_edge)
    }),
];

impl Pattern {
    pub fn matches(name: &str, text: &str) -> bool {
        PATTERNS.iter().find(|(pattern, _)| *pattern == name).is_none_or(|(_, test)| test(text))
    }

    #[cfg(test)]
    pub fn exists(name: &str) -> bool {
        PATTERNS.iter().any(|(pattern, _)| *pattern == name)
    }
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    text.chars().all(test)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_of_arn(c: char) -> bool {
    is_word(c) || "+=/,.@-:*".contains(c)
}

/// An ARN: partition, service, Region, account and resource. Only the Region may be empty.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, _, account, resource] = parts.as_slice() else { return false };
    *arn == "arn"
        && [partition, service, account, resource].iter().all(|part| !part.is_empty())
        && all(account, |c| c.is_ascii_digit())
        && all(text, is_of_arn)
}

fn is_scope(text: &str) -> bool {
    all(text, |c| c.is_ascii_graphic() && c != '"' && c != '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_tells_a_good_text_from_a_bad_one() {
        let cases = [
            ("pool-id", "eu-central-1_Ab1", "eu-central-1"),
            ("arn", "arn:aws:lambda:eu-central-1:123456789012:function:f:2", "arn:aws:lambda:f"),
            ("arn-or-empty", "", "x"),
            ("bucket-arn", "arn:aws:s3:::bucket", "arn:aws:s3:bucket"),
            ("with-code", "Code {####}", "Code"),
            ("with-link", "{##Click##}", "{####"),
            ("no-space", "https://a", "a b"),
            ("scope", "https://api/read", "a\"b"),
            ("scope-part", "read", "a/b"),
            ("language", "cognito:english", "english"),
            ("https", "https://a.example/*", "http://a.example"),
            ("provider-name", "Corp", "Corp_"),
            ("domain", "auth.example.com", "Auth"),
        ];
        for (name, good, bad) in cases {
            assert!(Pattern::matches(name, good), "{name}: {good}");
            assert!(!Pattern::matches(name, bad), "{name}: {bad}");
        }
    }
}
