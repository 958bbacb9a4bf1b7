//! The page as one file: no script, nothing fetched.

use std::path::{Path, PathBuf};

use minijinja::{Environment, Value, context};

use crate::ReportError;
use crate::document::Page;
use crate::figure::style_sheet;

/// What a page begins with, beside its text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) title: String,
    pub(crate) tiles: Vec<Tile>,
}

/// One figure that answers the page's question.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    /// `reached`, `below` or `other`.
    pub(crate) state: &'static str,
    pub(crate) name: String,
    pub(crate) ours: String,
    pub(crate) spread: String,
    pub(crate) paper: String,
    pub(crate) difference: String,
}

/// Writes a page as Markdown and as HTML, and its figures, into a folder; returns the paths, the pages first.
pub(crate) fn write(
    head: &Head,
    opening: &Page,
    body: &Page,
    folder: &Path,
    markdown: &str,
    html: &str,
) -> Result<Vec<PathBuf>, ReportError> {
    let whole = page(head, opening, body).map_err(|e| ReportError::Page(e.to_string()))?;
    let mut files = vec![folder.join(markdown), folder.join(html)];
    // The pages go last, so that they never show figures that are not there.
    for figure in body.figures() {
        let path = folder.join("figures").join(format!("{}.svg", figure.name));
        litecnn_run::write_atomic(&path, figure.svg().as_bytes())?;
        files.push(path);
    }
    let parts = [format!("# {}\n", head.title), opening.to_markdown(), body.to_markdown()];
    let text: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    litecnn_run::write_atomic(&files[0], text.join("\n").as_bytes())?;
    litecnn_run::write_atomic(&files[1], whole.as_bytes())?;
    Ok(files)
}

/// The whole file. The opening stands above the tiles and the table of contents, the body below.
fn page(head: &Head, opening: &Page, body: &Page) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    // Ending in `.html`, so that values are escaped.
    templates.add_template("page.html", include_str!("page.html"))?;
    let tiles: Vec<Value> = head
        .tiles
        .iter()
        .map(|t| {
            let Tile { state, name, ours, spread, paper, difference } = t;
            context! { state => *state, name, ours, spread, paper, difference }
        })
        .collect();
    let contents: Vec<Value> =
        body.headings(2).map(|(anchor, text)| context! { anchor, text => text.split(" (").next() }).collect();
    templates.get_template("page.html")?.render(context! {
        title => &head.title,
        tiles,
        figure_style => style_sheet(),
        style => include_str!("page.css"),
        opening => opening.to_html(),
        body => body.to_html(),
        contents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_nothing_is_fetched() {
        let (mut opening, mut body) = (Page::default(), Page::default());
        opening.paragraph("**Yes.**");
        body.heading(2, "Accuracy (Table 1)");
        let head = Head { title: "a <b> & c".into(), tiles: vec![] };
        let text = page(&head, &opening, &body).unwrap();
        for part in
            ["<h1>a &lt;b&gt; &amp; c</h1>", "<strong>Yes.</strong>", "<a href=\"#accuracy-table-1\">Accuracy</a>"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        for part in ["<script", "src=", "@import", "url("] {
            assert!(!text.contains(part), "{part} is in\n{text}");
        }
    }
}
