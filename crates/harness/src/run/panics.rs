//! Panics as reasons.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `action`; a panic becomes its message and place, on one line. The full message goes to
/// stderr as usual.
pub(super) fn catch<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            LAST.set(Some(describe(info)));
            usual(info);
        }));
    });
    // The caller drops everything that the action touched, or only reads rows already whole.
    catch_unwind(AssertUnwindSafe(action))
        .map_err(|_| LAST.take().unwrap_or_else(|| "in an unknown place".into()))
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    // libtorch appends a C++ backtrace of dozens of lines; the first says what happened. Ends of lines
    // are escaped where an error was unwrapped.
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let message = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
    let first = message.lines().next().unwrap_or("without a message");
    let first = first.split("\\n").next().unwrap_or(first);
    match info.location() {
        Some(place) => format!("{first} ({}:{})", place.file(), place.line()),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::catch;

    #[test]
    fn a_panic_is_its_first_line_and_place() {
        assert_eq!(catch(|| 3), Ok(3));
        // As an error of libtorch is shown that was unwrapped.
        let reason = catch(|| panic!("{:?}", "no memory\nframe #0")).unwrap_err();
        assert!(reason.contains("no memory (") && !reason.contains("frame"), "{reason}");
        let reason = catch(|| panic!("shape {} is wrong\nbacktrace", 7)).unwrap_err();
        assert!(
            reason.starts_with("shape 7 is wrong (") && reason.contains("panics.rs:"),
            "{reason}"
        );
    }
}
