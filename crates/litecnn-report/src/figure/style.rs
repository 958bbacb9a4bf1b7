//! Colours and letters. One colour means one thing in every figure; none relies on telling red from green.

use plotters::style::RGBColor;

/// Text, axes, what is neutral.
pub(crate) const INK: RGBColor = RGBColor(27, 31, 36);
/// Secondary text and the paper's figures.
pub(crate) const MUTED: RGBColor = RGBColor(89, 99, 110);
/// Lines of a grid, borders.
pub(crate) const GRID: RGBColor = RGBColor(222, 226, 230);
/// What lies behind a figure.
pub(crate) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Training images.
pub(crate) const TRAIN: RGBColor = RGBColor(194, 81, 0);
/// Validation images.
pub(crate) const VALIDATION: RGBColor = RGBColor(11, 98, 176);
/// Test images.
pub(crate) const TEST: RGBColor = RGBColor(0, 120, 90);
/// Parameters that are trained.
pub(crate) const TRAINED: RGBColor = RGBColor(122, 79, 191);
/// Standard deviations and mistakes.
pub(crate) const DEVIATION: RGBColor = RGBColor(209, 36, 47);

/// The colours above, and what they become where the reader prefers dark pages.
const DARK: [(RGBColor, RGBColor); 9] = [
    (INK, RGBColor(230, 234, 239)),
    (MUTED, RGBColor(154, 164, 175)),
    (GRID, RGBColor(52, 58, 66)),
    (PAPER, RGBColor(13, 17, 23)),
    (TRAIN, RGBColor(255, 156, 74)),
    (VALIDATION, RGBColor(84, 164, 250)),
    (TEST, RGBColor(63, 199, 154)),
    (TRAINED, RGBColor(183, 154, 240)),
    (DEVIATION, RGBColor(255, 123, 114)),
];

/// A style sheet that turns the colours of a figure for dark pages. Rules of a style sheet overrule attributes.
pub(crate) fn sheet() -> String {
    let rules: Vec<String> = DARK
        .iter()
        .map(|(light, dark)| {
            let (light, dark) = (hex(*light), hex(*dark));
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
        })
        .collect();
    format!("text{{font-family:system-ui,sans-serif}}@media(prefers-color-scheme:dark){{{}}}", rules.join(""))
}

/// `#1B1F24`, as it is written in a figure.
pub(crate) fn hex(colour: RGBColor) -> String {
    let RGBColor(r, g, b) = colour;
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours by WCAG 2, 1 to 21.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let light = |RGBColor(r, g, b): RGBColor| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (light(a) + 0.05, light(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn everything_but_the_grid_can_be_read_on_both_papers() {
        let dark_paper = DARK.iter().find(|(light, _)| *light == PAPER).unwrap().1;
        for (light, dark) in DARK.iter().filter(|(light, _)| ![GRID, PAPER].contains(light)) {
            assert!(contrast(*light, PAPER) >= 4.5, "{} on white: {}", hex(*light), contrast(*light, PAPER));
            assert!(contrast(*dark, dark_paper) >= 4.5, "{} on black: {}", hex(*dark), contrast(*dark, dark_paper));
        }
    }
}
