//! Recipes of the method and of the study. What is accepted is written down and read again.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::told;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = Path::new("my.toml");
    if let Some(recipe) = told(path, litecnn_train::Recipe::parse(text, path)) {
        let again = litecnn_train::Recipe::parse(&recipe.to_toml(), path).expect("it was just written");
        assert_eq!((again.hash(), &again), (recipe.hash(), &recipe));
    }
    if let Some(recipe) = told(path, litecnn_zoo::Recipe::parse(text, path)) {
        let again = litecnn_zoo::Recipe::parse(&recipe.to_toml(), path).expect("it was just written");
        assert_eq!((again.hash(), &again), (recipe.hash(), &recipe));
    }
});
