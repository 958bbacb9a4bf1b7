use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::PictureError;

/// Runs a decoder. They are other people's, and files from anywhere find faults in them: a panic costs the picture, not
/// the program, and no message of it is printed.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, PictureError>) -> Result<T, PictureError> {
    silence();
    let outer = GUARDED.replace(true);
    // What a panic leaves half done is dropped with it.
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|_| Err(PictureError::damaged("its decoder failed")))
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Passes over the panics of decoders; others are told by whatever told them before.
fn silence() {
    static ONCE: Once = Once::new();
    // A thread that panics may not touch the hook.
    if !std::thread::panicking() {
        ONCE.call_once(|| {
            let others = take_hook();
            set_hook(Box::new(move |panic| {
                if !GUARDED.get() {
                    others(panic);
                }
            }));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_picture_is_read() {
        let error = guarded::<()>(|| panic!("a fault")).unwrap_err().to_string();
        assert!(error.contains("its decoder failed"), "{error}");
        assert!(!GUARDED.get());
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        assert!(matches!(guarded::<()>(|| Err(PictureError::Unknown)), Err(PictureError::Unknown)));
    }
}
