use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where two threads swap values, round after round.
///
/// Rounds are shorter than it takes to wake a thread, so whoever comes first waits awake for a while.
pub(super) struct Exchange {
    sides: [Side; 2],
    gone: AtomicBool,
}

#[derive(Default)]
struct Side {
    rounds: AtomicUsize,
    /// Rounds alternate between them: the other side may still read the last one.
    slots: [Mutex<Vec<f32>>; 2],
}

/// Looks before a waiting thread lets others run in between.
const PATIENCE: usize = 20_000;

impl Exchange {
    pub(super) fn new() -> Self {
        Self { sides: [Side::default(), Side::default()], gone: AtomicBool::new(false) }
    }

    /// Hands over `mine` as side 0 or 1 and takes the other side's values of the same round. False if the other side
    /// has left.
    pub(super) fn swap(&self, side: usize, mine: &[f32], theirs: &mut [f32]) -> bool {
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        let round = own.rounds.load(Ordering::Relaxed);
        {
            let mut slot = own.slots[round % 2].lock().unwrap_or_else(PoisonError::into_inner);
            slot.clear();
            slot.extend_from_slice(mine);
        }
        own.rounds.store(round + 1, Ordering::Release);
        let mut looks = 0;
        while other.rounds.load(Ordering::Acquire) <= round {
            if self.gone.load(Ordering::Relaxed) {
                return false;
            }
            looks += 1;
            if looks < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        let slot = other.slots[round % 2].lock().unwrap_or_else(PoisonError::into_inner);
        theirs.copy_from_slice(&slot);
        true
    }

    /// Must be held by each side while it works: when one ends, by an error or a panic too, the other one need not
    /// wait for it.
    pub(super) fn presence(&self) -> Presence<'_> {
        Presence(&self.gone)
    }
}

pub(super) struct Presence<'a>(&'a AtomicBool);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_gets_the_others_values_of_the_same_round() {
        let exchange = Exchange::new();
        let work = |side: usize| {
            let _presence = exchange.presence();
            for round in 0..2000 {
                let mut theirs = [0.0];
                assert!(exchange.swap(side, &[(2 * round + side) as f32], &mut theirs));
                assert_eq!(theirs, [(2 * round + 1 - side) as f32]);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| work(1));
            work(0);
        });
    }

    #[test]
    fn nobody_waits_for_one_who_left() {
        let exchange = Exchange::new();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(exchange.presence()));
            assert!(!exchange.swap(0, &[1.0], &mut [0.0]));
        });
    }
}
