use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use litecnn_run::{Mistake, Pictures};

use super::canvas::{Canvas, Drawn, letters, px, shortened, text_width};
use super::panel::{Panel, WIDTH};
use super::style::{DEVIATION, GRID, MUTED};
use crate::ReportError;

/// Mistakes in a row, and the most that are shown.
const COLUMNS: usize = 4;
const SHOWN: usize = 16;
/// Longer side of the picture of a mistake.
const SIDE: f64 = 76.0;
/// Height of a line below a picture.
const LINE: f64 = 13.0;

/// Test images that were given a wrong class, the most confident mistakes first.
pub(crate) fn mistakes(
    title: &str,
    pictures: &Pictures,
    classes: &[String],
    sheet_png: &[u8],
) -> Result<Panel, ReportError> {
    let shown = &pictures.mistakes[..pictures.mistakes.len().min(SHOWN)];
    let sheet = Sheet::new(title, sheet_png, pictures.tile, pictures.mistake_columns, shown.len())?;
    let (wide, tall) = sheet.fitting(SIDE);
    let pitch = (WIDTH - SIDE - 2.0) / (COLUMNS as f64 - 1.0);
    let (top, row) = (42.0, tall + 4.0 + 3.0 * LINE + 9.0);
    let place = |i: usize| (1.0 + (i % COLUMNS) as f64 * pitch, top + (i / COLUMNS) as f64 * row);
    let words: Vec<[String; 3]> = shown.iter().map(|m| words(m, classes)).collect::<Result<_, _>>()?;
    let lines: Vec<String> = words.iter().map(|[truth, given, p]| format!("{truth} {given} {p}")).collect();
    let alt = match lines.is_empty() {
        true => format!("{title}: no mistakes"),
        false => format!("{title}: true class, class given and its probability: {}", lines.join(", ")),
    };
    let height = top + shown.len().div_ceil(COLUMNS) as f64 * row;
    let panel = Panel::draw(height, alt, |canvas| {
        let what = if shown.is_empty() { "no mistakes" } else { "true class, → class given, its probability" };
        canvas.title(title)?;
        canvas.subtitle(what)?;
        for (i, words) in words.iter().enumerate() {
            let (x, y) = place(i);
            border(canvas, (x, y), (wide, tall))?;
            for (line, (text, colour)) in words.iter().zip([None, Some(DEVIATION), Some(MUTED)]).enumerate() {
                let look = colour.map_or(letters(10.5), |c| letters(10.5).colour(c));
                let y = y + tall + 4.0 + LINE * (line as f64 + 0.5);
                canvas.text((x, y), look, &shortened(text, 10.5, pitch - 4.0))?;
            }
        }
        Ok(())
    })?;
    let tiles = (0..shown.len()).map(|i| sheet.tile(i, place(i), (wide, tall)));
    Ok(panel.with(&sheet.embedded(tiles)))
}

/// Training images, each beside augmented versions of it.
pub(crate) fn augmentation(
    title: &str,
    pictures: &Pictures,
    classes: &[String],
    sheet_png: &[u8],
) -> Result<Panel, ReportError> {
    let (columns, rows) = (pictures.augmentation_columns as usize, pictures.originals.len());
    let sheet = Sheet::new(title, sheet_png, pictures.tile, pictures.augmentation_columns, columns * rows)?;
    let names: Vec<&str> = pictures.originals.iter().map(|o| class(classes, o.label)).collect::<Result<_, _>>()?;
    let versions = columns.saturating_sub(1);
    let (apart, gap, heading) = (14.0, if columns > 12 { 1.0 } else { 3.0 }, text_width("original", 10.5));
    let room = WIDTH - 2.0 - apart - gap * versions.saturating_sub(1) as f64;
    let side = (room / columns as f64).min(64.0);
    // The heading of the originals may need more room than they do.
    let side = if side < heading { (room - heading) / versions.max(1) as f64 } else { side };
    let start = 1.0 + side.max(heading) + apart;
    let (wide, tall) = sheet.fitting(side);
    let (top, row) = (42.0, tall + LINE + 12.0);
    let place = |i: usize| {
        let (row_of, column) = (i / columns, i % columns);
        let x = if column == 0 { 1.0 } else { start + (column - 1) as f64 * (wide + gap) };
        (x, top + row_of as f64 * row)
    };
    let alt = format!("{title}: {versions} augmented versions each of training images of {}", names.join(", "));
    let panel = Panel::draw(top + rows as f64 * row, alt, |canvas| {
        canvas.title(title)?;
        canvas.text((0.0, 28.0), letters(10.5).colour(MUTED), "original")?;
        if versions > 0 {
            canvas.text((start, 28.0), letters(10.5).colour(MUTED), "augmented")?;
        }
        for i in 0..columns * rows {
            border(canvas, place(i), (wide, tall))?;
        }
        for (i, name) in names.iter().enumerate() {
            let (x, y) = place(i * columns);
            canvas.text((x, y + tall + 3.0 + LINE / 2.0), letters(10.5), &shortened(name, 10.5, WIDTH))?;
        }
        Ok(())
    })?;
    let tiles = (0..columns * rows).map(|i| sheet.tile(i, place(i), (wide, tall)));
    Ok(panel.with(&sheet.embedded(tiles)))
}

/// A line around a picture, whose edge may have the colour of the page.
fn border(canvas: &Canvas<'_>, (x, y): (f64, f64), (wide, tall): (f64, f64)) -> Drawn {
    canvas.frame((x - 0.5, y - 0.5), (x + wide + 0.5, y + tall + 0.5), GRID, 1.0)
}

fn words(mistake: &Mistake, classes: &[String]) -> Result<[String; 3], ReportError> {
    let (truth, given) = (class(classes, mistake.label)?, class(classes, mistake.predicted)?);
    Ok([truth.to_owned(), format!("→ {given}"), certainty(mistake.probability)])
}

fn class(classes: &[String], number: u16) -> Result<&str, ReportError> {
    let number = usize::from(number);
    let name = classes.get(number).ok_or(ReportError::ClassOutOfRange { class: number, classes: classes.len() })?;
    Ok(name)
}

/// A probability in percent; no wrong answer was quite certain.
fn certainty(probability: f32) -> String {
    match format!("{:.1}", f64::from(probability) * 100.0).as_str() {
        "100.0" => ">99.9 %".to_owned(),
        text => format!("{text} %"),
    }
}

/// Equal tiles in one PNG.
struct Sheet<'a> {
    /// Of this sheet alone, however many stand in a page.
    id: String,
    png: &'a [u8],
    size: [u32; 2],
    tile: [u32; 2],
    columns: usize,
}

impl<'a> Sheet<'a> {
    fn new(title: &str, png: &'a [u8], tile: [u32; 2], columns: u32, tiles: usize) -> Result<Self, ReportError> {
        let refuse = |reason: String| Err(ReportError::Figure { figure: title.to_owned(), reason });
        let size = match png_size(png) {
            Ok(size) => size,
            Err(reason) => return refuse(reason),
        };
        if tile.contains(&0) || columns == 0 {
            return refuse("a tile or a row of tiles is without extent".to_owned());
        }
        let columns = columns as usize;
        let least = [columns.min(tiles), tiles.div_ceil(columns)];
        let least = [0, 1].map(|i| least[i] as u64 * u64::from(tile[i]));
        if u64::from(size[0]) < least[0] || u64::from(size[1]) < least[1] {
            let ([w, h], [need_w, need_h]) = (size, least);
            return refuse(format!(
                "the sheet of pictures is {w}×{h} pixels; its {tiles} tiles need {need_w}×{need_h}"
            ));
        }
        let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
        // Titles may be alike; then equal names mean equal sheets.
        let id = format!("sheet-{}-{}", words.join("-"), &litecnn_run::sha256(png)[..8]);
        Ok(Self { id, png, size, tile, columns })
    }

    /// Width and height of a tile whose longer side has some length.
    fn fitting(&self, side: f64) -> (f64, f64) {
        let (w, h) = (f64::from(self.tile[0]), f64::from(self.tile[1]));
        (side * (w / h).min(1.0), side * (h / w).min(1.0))
    }

    /// Upper left of a tile in the sheet.
    fn at(&self, tile: usize) -> (u64, u64) {
        let (row, column) = (tile / self.columns, tile % self.columns);
        (column as u64 * u64::from(self.tile[0]), row as u64 * u64::from(self.tile[1]))
    }

    /// A tile, drawn at a place in pixels.
    fn tile(&self, tile: usize, (x, y): (f64, f64), (wide, tall): (f64, f64)) -> String {
        let ((left, top), [w, h]) = (self.at(tile), self.tile);
        let (x, y, wide, tall) = (px(x), px(y), px(wide), px(tall));
        format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" viewBox=\"{left} {top} {w} {h}\" \
             preserveAspectRatio=\"none\"><use href=\"#{}\"/></svg>",
            self.id
        )
    }

    /// The sheet, which is not seen by itself, and tiles of it.
    fn embedded(&self, tiles: impl Iterator<Item = String>) -> String {
        let (id, [w, h]) = (&self.id, self.size);
        let mut text = format!(
            "<defs><image id=\"{id}\" width=\"{w}\" height=\"{h}\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,{}\"/></defs>",
            STANDARD.encode(self.png)
        );
        for tile in tiles {
            let _ = write!(text, "{tile}");
        }
        text
    }
}

/// Width and height of a PNG that can be read to its end: a browser shows half a picture without a word.
fn png_size(png: &[u8]) -> Result<[u32; 2], String> {
    let end = b"\0\0\0\0IEND\xaeB`\x82";
    if !png.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err("the sheet of pictures is not a PNG".to_owned());
    }
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png)
        .map_err(|e| format!("the sheet of pictures cannot be read as a PNG ({e})"))?;
    match png.ends_with(end) {
        true => Ok([picture.width(), picture.height()]),
        false => Err("the sheet of pictures has no end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use litecnn_run::Original;

    use super::*;

    /// A sheet of so many pixels.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn pictures(mistakes: usize, originals: usize) -> Pictures {
        let mistake = Mistake { index: 0, label: 0, predicted: 1, probability: 0.998, label_probability: 0.001 };
        Pictures {
            format: Pictures::FORMAT.into(),
            tile: [28, 20],
            mistake_columns: 5,
            mistakes: vec![mistake; mistakes],
            augmentation_columns: 8,
            originals: vec![Original { index: 0, label: 1 }; originals],
        }
    }

    fn classes() -> Vec<String> {
        vec!["cat".into(), "dog & <wolf>".into()]
    }

    fn svg(panel: Panel) -> String {
        super::super::Figure { name: String::new(), caption: String::new(), panels: vec![panel], columns: 1 }.svg()
    }

    #[test]
    fn tiles_lie_row_by_row() {
        let sheet = png(140, 40);
        let sheet = Sheet::new("Some: mistakes", &sheet, [28, 20], 5, 10).unwrap();
        assert!(sheet.id.starts_with("sheet-some-mistakes-") && sheet.size == [140, 40], "{}", sheet.id);
        assert_eq!([0, 4, 5, 9].map(|t| sheet.at(t)), [(0, 0), (112, 0), (0, 20), (112, 20)]);
        assert_eq!(sheet.fitting(70.0), (70.0, 50.0));
        let tile = sheet.tile(6, (1.0, 2.0), (70.0, 50.0));
        assert!(tile.contains("x=\"10\" y=\"20\" width=\"700\" height=\"500\" viewBox=\"28 20 28 20\""), "{tile}");
    }

    #[test]
    fn the_sheet_is_embedded_once_and_shown_tile_by_tile() {
        // Only 16 of 20 mistakes are shown.
        let text = svg(mistakes("Errors", &pictures(20, 0), &classes(), &png(140, 80)).unwrap());
        assert_eq!((text.matches("data:image/png;base64,").count(), text.matches("<use ").count()), (1, 16));
        assert!(text.contains("99.8 %") && text.contains("→ dog &amp; &lt;wolf&gt;"), "{text}");
        let text = svg(augmentation("Turned", &pictures(0, 3), &classes(), &png(224, 60)).unwrap());
        assert_eq!((text.matches("data:image/png;base64,").count(), text.matches("<use ").count()), (1, 24));
        assert!(svg(mistakes("None", &pictures(0, 0), &classes(), &png(1, 1)).unwrap()).contains("no mistakes"));
    }

    #[test]
    fn tiles_stay_inside_however_many_stand_in_a_row() {
        for columns in 1..=24_u32 {
            let pictures = Pictures { augmentation_columns: columns, ..pictures(0, 2) };
            let text = svg(augmentation("Turned", &pictures, &classes(), &png(28 * columns, 40)).unwrap());
            let number = |part: &str, name: &str| -> f64 {
                let value = part.split_once(&format!("{name}=\"")).unwrap().1;
                value.split_once('"').unwrap().0.parse().unwrap()
            };
            let tiles: Vec<&str> = text.split("<svg ").skip(3).collect();
            assert_eq!(tiles.len(), 2 * columns as usize);
            for (i, tile) in tiles.iter().enumerate() {
                let end = number(tile, "x") + number(tile, " width");
                assert!(end < WIDTH * 10.0 - 8.0, "{columns} columns: {tile}");
                let last = (i + 1) % columns as usize == 0;
                assert!(last || end < number(tiles[i + 1], "x"), "{columns} columns: {tile}");
            }
        }
    }

    #[test]
    fn sheets_that_do_not_fit_are_refused() {
        let message = |sheet: &[u8]| mistakes("Errors", &pictures(7, 0), &classes(), sheet).unwrap_err().to_string();
        assert!(message(b"GIF89a").contains("Errors cannot be drawn: the sheet of pictures is not a PNG"));
        let whole = png(140, 80);
        for kept in [20, 60, whole.len() / 2, whole.len() - 20] {
            assert!(message(&whole[..kept]).contains("cannot be read as a PNG"), "{kept} bytes of {}", whole.len());
        }
        for kept in [whole.len() - 12, whole.len() - 1] {
            let message = message(&whole[..kept]);
            assert!(message.contains("cannot be read") || message.contains("has no end"), "{kept}: {message}");
        }
        let mut spoilt = whole.clone();
        spoilt[whole.len() / 2] ^= 1;
        assert!(message(&spoilt).contains("cannot be read as a PNG"));
        assert!(message(&png(140, 39)).contains("is 140×39 pixels; its 7 tiles need 140×40"));
        assert!(message(&png(139, 40)).contains("its 7 tiles need 140×40"));
        let one = &classes()[..1];
        let unknown = mistakes("Errors", &pictures(1, 0), one, &png(140, 40)).unwrap_err().to_string();
        assert!(unknown.contains("class 1 of a model with 1 classes"), "{unknown}");
    }

    #[test]
    fn nothing_is_quite_certain() {
        assert_eq!(
            [0.05, 0.998, 0.9994, 0.9996, 1.0].map(certainty),
            ["5.0 %", "99.8 %", "99.9 %", ">99.9 %", ">99.9 %"]
        );
    }
}
