//! Words for a POSIX shell.

/// A word with quotes, if it needs them.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_unchanged() -> anyhow::Result<()> {
        for text in ["plain", "", "two words", "O'Brien", "$HOME `id` \\ \"", "a\nb", "größe", "*"] {
            let output = Command::new("sh").args(["-c", &format!("printf %s {}", word(text))]).output()?;
            assert_eq!(String::from_utf8(output.stdout)?, text);
        }
        assert_eq!(word("arn:aws:states:us-east-1:0:a/b"), "arn:aws:states:us-east-1:0:a/b");
        Ok(())
    }
}
