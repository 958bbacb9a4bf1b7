//! Trainings that do not wait for each other.

use std::sync::{Mutex, PoisonError};

use crate::threads::single_threaded_operations;

/// Does pieces of work side by side, first to last, on a thread for each of `places`, which is what a thread has to itself.
/// Within a piece libtorch uses one thread. Once one fails or panics no other is begun; those under way are ended.
///
/// Gives the errors, at most one a thread.
///
/// # Panics
/// As a piece does, or if there is no place.
#[must_use]
pub fn side_by_side<P: Send, T: Send, E: Send>(
    places: Vec<P>,
    pieces: Vec<T>,
    work: impl Fn(&P, T) -> Result<(), E> + Sync,
) -> Vec<E> {
    assert!(!places.is_empty(), "nobody to work");
    let queue = Mutex::new(pieces.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |place: P| {
        single_threaded_operations();
        while let Some(piece) = next() {
            let mut alarm = Alarm { rest: || while next().is_some() {}, rings: true };
            work(&place, piece)?;
            alarm.rings = false;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = places.into_iter().map(|place| scope.spawn(|| work(place))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        ended.filter_map(Result::err).collect()
    })
}

/// Sees to the rest when work ends early, in whatever way.
struct Alarm<F: Fn()> {
    rest: F,
    rings: bool,
}

impl<F: Fn()> Drop for Alarm<F> {
    fn drop(&mut self) {
        if self.rings {
            (self.rest)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_piece_is_done_once() {
        let done = Mutex::new(Vec::new());
        let errors = side_by_side(vec![10, 20, 30], (0..50).collect(), |&place: &usize, piece: usize| {
            done.lock().unwrap().push((piece, place));
            Ok::<_, ()>(())
        });
        assert!(errors.is_empty());
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert!(done.iter().map(|(piece, _)| *piece).eq(0..50));
        assert!(done.iter().all(|(_, place)| [10, 20, 30].contains(place)));
    }

    #[test]
    fn nothing_is_begun_after_a_failure() {
        let begun = AtomicUsize::new(0);
        let piece = |(): &(), piece: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(std::time::Duration::from_millis(1));
            if piece == 3 { Err(piece) } else { Ok(()) }
        };
        assert_eq!(side_by_side(vec![(), ()], (0..1000).collect(), piece), [3]);
        assert!(begun.load(Ordering::Relaxed) < 100);

        // Telling of a panic takes its time, in which others go on.
        let begun = AtomicUsize::new(0);
        let panicked = std::panic::catch_unwind(|| {
            let piece = |(): &(), piece: usize| {
                begun.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(1));
                assert_ne!(piece, 3, "as it should");
                Ok::<_, ()>(())
            };
            side_by_side(vec![(), ()], (0..100_000).collect(), piece)
        });
        assert!(panicked.is_err() && begun.load(Ordering::Relaxed) < 100_000);
    }
}
