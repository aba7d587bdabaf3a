//! Catches the failed assertion of a case, so that the other cases go on.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The message of the last panic. None if this thread catches no panic.
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Carries out `case`.
///
/// # Errors
/// The message and the place of its panic.
pub fn caught<T>(case: impl FnOnce() -> T) -> Result<T, String> {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let is_caught = MESSAGE.with_borrow_mut(|message| {
                let text = info.payload_as_str().unwrap_or("a panic without text");
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                message.as_mut().map(|message| *message = format!("{text} ({place})")).is_some()
            });
            if !is_caught {
                before(info);
            }
        }));
    });
    MESSAGE.set(Some(String::new()));
    let ended = catch_unwind(AssertUnwindSafe(case));
    let message = MESSAGE.take().unwrap_or_default();
    ended.map_err(|_| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_panic_tells_its_message_and_place() {
        assert_eq!(caught(|| 7), Ok(7));
        let message = caught(|| assert_eq!(1 + 1, 3, "a sum")).unwrap_err();
        assert!(message.contains("a sum") && message.contains("caught.rs"), "{message}");
    }
}
