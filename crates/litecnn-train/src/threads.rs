use std::thread::ScopedJoinHandle;

use crate::TrainError;

/// Makes libtorch use one thread inside each operation, in this thread and those started from now on.
///
/// The operations of models this small are too short to be shared out; whole branches, folds and chunks of
/// images are. It also makes results independent of how many threads there are.
pub(crate) fn single_threaded_operations() {
    tch::set_num_threads(1);
}

/// What a worker returned; its panic, if it had one, goes on here.
pub(crate) fn join<T>(handle: ScopedJoinHandle<'_, Result<T, TrainError>>) -> Result<T, TrainError> {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs two pieces of work, side by side if there is a second worker.
pub(crate) fn both<A: Send, B>(
    workers: usize,
    first: impl FnOnce() -> Result<A, TrainError> + Send,
    second: impl FnOnce() -> Result<B, TrainError>,
) -> Result<(A, B), TrainError> {
    single_threaded_operations();
    if workers < 2 {
        return Ok((first()?, second()?));
    }
    std::thread::scope(|scope| {
        let handle = scope.spawn(|| {
            single_threaded_operations();
            first()
        });
        let second = second();
        Ok((join(handle)?, second?))
    })
}
