//! Pictures and lists of them, by the first byte: `l` is a list; any other says what the picture that follows is
//! brought to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use litecnn_fuzz::read;
use litecnn_pictures::{Background, Fit, PictureForm, scan};

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'l', list)) => of_list(list),
        Some((way, picture)) => of_picture(*way, picture),
        None => {}
    }
});

/// What the list can name is itself, and files that are not there.
fn of_list(bytes: &[u8]) {
    let Some(found) = read("list.csv", bytes, scan) else { return };
    assert!((2..=256).contains(&found.classes.len()) && !found.pictures.is_empty());
    for picture in &found.pictures {
        assert!(usize::from(picture.label) < found.classes.len());
        let place = found.root.join(&picture.path).canonicalize().expect("it was found");
        assert!(place.starts_with(&found.root), "{} leads out", picture.path.display());
    }
}

fn of_picture(way: u8, bytes: &[u8]) {
    let way = usize::from(way);
    let form = PictureForm {
        channels: [1, 3][way % 2],
        fit: Fit::ALL[way / 2 % 3],
        background: [Background::BLACK, Background::WHITE, Background([200, 0, 90])][way / 6 % 3],
        height: 8,
        width: [8, 5][way / 18 % 2],
    };
    if let Ok(pixels) = form.pixels(bytes) {
        assert_eq!(pixels.len(), form.channels * form.height * form.width);
    }
}
