//! Forms in which equal values are equal JSON.

use serde_json::{Value, json};

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
    let shown = json!(format!("{time} {unit}"));
    let seconds = time.as_i64().zip(seconds).and_then(|(time, seconds)| time.checked_mul(seconds));
    let normal = seconds.map_or_else(|| shown.clone(), |seconds| json!(seconds));
    (shown, normal)
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
}
