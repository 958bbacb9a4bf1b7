use std::error::Error;

/// How the memory managers say that there is no more, in lower case.
const SIGNS: [&str; 6] = [
    // CUDA's caching allocator and driver.
    "out of memory",
    // libtorch on the CPU: DefaultCPUAllocator.
    "can't allocate memory",
    "cannot allocate memory",
    // The C++ library.
    "bad_alloc",
    // cuDNN and cuBLAS, which ask for working memory of their own: CUDNN_STATUS_ALLOC_FAILED …
    "status_alloc_failed",
    // oneDNN.
    "could not create a memory",
];

/// Whether an error, or one that led to it, is that memory ran out: the end of a sweep. All other errors are faults.
///
/// libtorch tells its errors as text, so their words are looked at.
pub fn is_out_of_memory(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let message = words(error).to_lowercase();
        if SIGNS.iter().any(|sign| message.contains(sign)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// libtorch's message in one line, without the C++ call stack: functions with `alloc` in their names stand there.
pub(crate) fn words(error: &dyn Error) -> String {
    let text = error.to_string();
    let ends = ["Exception raised from", "frame #0"].into_iter().filter_map(|end| text.find(end));
    let message = &text[..ends.min().unwrap_or(text.len())];
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BenchError;
    use tch::TchError;

    fn torch(text: &str) -> BenchError {
        BenchError::Torch(TchError::Torch(text.to_owned()))
    }

    #[test]
    fn the_words_of_all_memory_managers_are_known() {
        for text in [
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
             allocate 1073741824 bytes. Error code 12 (Cannot allocate memory)",
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.2 GiB is free.",
            "CUDA error: out of memory",
            "std::bad_alloc",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ] {
            assert!(is_out_of_memory(&torch(text)), "{text}");
            let inside = BenchError::Model(litecnn_model::ModelError::Torch(TchError::Torch(text.to_owned())));
            assert!(is_out_of_memory(&inside), "{text}");
        }
    }

    #[test]
    fn other_errors_are_errors() {
        for text in [
            "Given groups=1, weight of size [10, 1, 3, 3], expected input[1, 3, 32, 32] to have 1 channels",
            "CUDA error: an illegal memory access was encountered",
            "shape '[1, 2]' is invalid for input of size 3\nException raised from view (frame 1: std::bad_alloc)",
            "Cannot allocate tensor of negative size",
        ] {
            assert!(!is_out_of_memory(&torch(text)), "{text}");
        }
    }

    #[test]
    fn the_call_stack_is_left_out() {
        for stack in
            ["\nException raised from alloc_cpu at x.cpp:1\nframe #0: a", " frame #0: c10::alloc_cpu(unsigned long)"]
        {
            let error = torch(&format!("DefaultCPUAllocator: no\nmore.{stack}"));
            assert!(words(&error).ends_with("DefaultCPUAllocator: no more."), "{error}");
        }
    }
}
