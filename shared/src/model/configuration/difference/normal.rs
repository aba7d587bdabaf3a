//! Forms in which equal values are equal JSON.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The value with each number in one form: `1.0` is `1`.
pub(super) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            // Within these bounds, a float holds every integer exactly.
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => json!(float as i64),
            _ => value.clone(),
        },
        Value::Array(elements) => elements.iter().map(normal).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), normal(member))).collect()
        }
        _ => value.clone(),
    }
}

/// A time with its unit, in the words for a reader and in seconds. If Cognito added the unit later, both stay
/// as they are.
pub(super) fn duration(time: &Value, unit: &str) -> (Value, Value) {
    let seconds = match unit {
        "seconds" => Some(1),
        "minutes" => Some(60),
        "hours" => Some(3_600),
        "days" => Some(86_400),
        _ => None,
    };
    let time = normal(time);
    let unit = if time == 1 { unit.strip_suffix('s').unwrap_or(unit) } else { unit };
    let shown = json!(format!("{time} {unit}"));
    let seconds = time.as_i64().zip(seconds).and_then(|(time, seconds)| time.checked_mul(seconds));
    let normal = seconds.map_or_else(|| shown.clone(), |seconds| json!(seconds));
    (shown, normal)
}

/// How many characters of a digest a reader sees.
const SHOWN_DIGEST: usize = 12;

/// What stands before the digest of an asset whose bytes a capture keeps apart. No base64 holds it.
pub(super) const ASSET: &str = "asset:";

/// Bytes in base64: their size and the first characters of their SHA-256, for a reader, and all of the
/// digest. `sha256sum` prints the same digest for the file.
///
/// A value that is no text stays as it is. The digest of an [asset](ASSET) stands for its bytes.
pub(super) fn bytes(value: &Value) -> (Value, Value) {
    let Some(text) = value.as_str() else { return (value.clone(), normal(value)) };
    if let Some(digest) = text.strip_prefix(ASSET) {
        return (json!(format!("digest {digest:.SHOWN_DIGEST$}…")), value.clone());
    }
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let (content, size) = match GeneralPurpose::new(&STANDARD, padding).decode(text) {
        Ok(content) => {
            let size = counted(content.len(), "byte");
            (content, size)
        }
        Err(_) => {
            let size = counted(text.chars().count(), "character");
            let size = format!("{size} of text that is no base64");
            (text.as_bytes().to_vec(), size)
        }
    };
    let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = format!("{size}, SHA-256 {digest:.SHOWN_DIGEST$}…");
    (json!(shown), json!(digest))
}

/// A number with its noun.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_value() {
        assert_eq!(normal(&json!({"a": [1.0, -0.0, 1.5]})), normal(&json!({"a": [1, 0, 1.5]})));
        assert_ne!(normal(&json!(9_007_199_254_740_993_i64)), normal(&json!(9_007_199_254_740_992_i64)));
        assert_ne!(normal(&json!("1")), normal(&json!(1)));
    }

    #[test]
    fn times_are_compared_in_seconds() {
        let normal = |time: Value, unit| duration(&time, unit).1;
        assert_eq!(normal(json!(60), "minutes"), normal(json!(1), "hours"));
        assert_eq!(normal(json!(24.0), "hours"), normal(json!(1), "days"));
        assert_ne!(normal(json!(1), "hours"), normal(json!(1), "days"));
        assert_eq!(duration(&json!(2), "weeks"), (json!("2 weeks"), json!("2 weeks")));
        assert_eq!(duration(&json!(60), "minutes").0, json!("60 minutes"));
        assert!(normal(json!(i64::MAX), "days").is_string());
    }

    #[test]
    fn bytes_are_compared_by_their_digest() {
        let [(shown, one), (_, other)] = ["AA==", "AQ"].map(|text| bytes(&json!(text)));
        assert_eq!(shown, json!("1 byte, SHA-256 6e340b9cffb3…"));
        assert_ne!(one, other);
        assert_eq!(bytes(&json!("AA")).1, one);
        // The text is not shown, because it may be anything.
        assert_eq!(
            bytes(&json!("%%")).0,
            json!("2 characters of text that is no base64, SHA-256 3a6e1a1b946b…")
        );
        assert_eq!(bytes(&json!(1.0)), (json!(1.0), json!(1)));
    }
}
