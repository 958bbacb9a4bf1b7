//! Training with the kernels of `litecnn-kernels`: several times as fast on a CPU as libtorch, for networks they know.

mod engine;
mod lower;

pub(crate) use engine::Kernels;

/// Whether the kernels know a graph.
///
/// # Errors
/// The operation that they do not know, in words.
#[cfg(test)]
pub(crate) fn check(graph: &crate::Graph) -> Result<(), String> {
    lower::Lowered::of(graph).map(drop)
}
