//! What to do if a snapshot is damaged.

/// How the operator gets damaged parts of a snapshot back. `parts` says how many, such as `2 records`.
pub fn recovery(parts: &str) -> String {
    format!(
        "recover {parts} from point-in-time recovery (docs/guides/operate.md says how), or use another snapshot."
    )
}
