use pulldown_cmark::{Options, Parser, html};

use crate::figure::{Figure, escape as escape_html};

/// A page under construction, to be written as Markdown or as HTML: blocks one after another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
enum Block {
    Heading {
        level: usize,
        text: String,
    },
    /// Markdown.
    Text(String),
    Figure(Box<Figure>),
}

impl Page {
    /// A heading; plain text.
    pub(crate) fn heading(&mut self, level: usize, text: &str) {
        self.blocks.push(Block::Heading { level, text: text.to_owned() });
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.block(text);
    }

    pub(crate) fn quote(&mut self, text: &str) {
        self.block(&format!("> {}", text.replace('\n', "\n> ")));
    }

    pub(crate) fn list(&mut self, items: &[String]) {
        let lines: Vec<String> = items.iter().map(|item| format!("- {item}")).collect();
        self.block(&lines.join("\n"));
    }

    pub(crate) fn code(&mut self, language: &str, text: &str) {
        self.block(&format!("```{language}\n{}\n```", text.trim_end_matches('\n')));
    }

    /// Code that is shown when asked for.
    pub(crate) fn folded_code(&mut self, summary: &str, language: &str, text: &str) {
        self.block(&format!("<details><summary>{}</summary>", escape_html(summary)));
        self.code(language, text);
        self.block("</details>");
    }

    /// A table whose first column is text and whose others are figures, set flush right. Nothing without rows.
    pub(crate) fn table(&mut self, header: &[String], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rule: Vec<&str> = (0..header.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        let mut lines = vec![line(header), format!("| {} |", rule.join(" | "))];
        lines.extend(rows.iter().map(|row| line(row)));
        self.block(&lines.join("\n"));
    }

    /// A figure. Its name becomes part of file names and links, so of other characters than letters and digits only
    /// hyphens are left.
    pub(crate) fn figure(&mut self, mut figure: Figure) {
        figure.name = figure.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        self.blocks.push(Block::Figure(Box::new(figure)));
    }

    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Figure(figure) => Some(figure.as_ref()),
            _ => None,
        })
    }

    /// Headings of a level, and the anchors they have in HTML.
    pub(crate) fn headings(&self, of: usize) -> impl Iterator<Item = (String, &str)> {
        self.blocks.iter().filter_map(move |block| match block {
            Block::Heading { level, text } if *level == of => Some((anchor(text), text.as_str())),
            _ => None,
        })
    }

    /// As Markdown, with one empty line between the blocks. Figures are looked for in `figures/`.
    pub(crate) fn to_markdown(&self) -> String {
        let blocks: Vec<String> = self
            .blocks
            .iter()
            .map(|block| match block {
                Block::Heading { level, text } => format!("{} {}\n", "#".repeat(*level), escape(text)),
                Block::Text(text) => format!("{text}\n"),
                Block::Figure(f) => {
                    format!("![{}](figures/{}.svg)\n\n{}\n", escape(&f.alt()), f.name, escape(&f.caption))
                }
            })
            .collect();
        blocks.join("\n")
    }

    /// As HTML, figures drawn in place. Sections of the third level are parts that stand side by side where there is
    /// room.
    pub(crate) fn to_html(&self) -> String {
        // A text may close what another one opened, so all are read as one.
        let mut source: Vec<String> = Vec::new();
        let mut in_part = false;
        for block in &self.blocks {
            if let Block::Heading { level, .. } = block {
                source.push(match (in_part, *level) {
                    (true, ..3) => "</section></div>".to_owned(),
                    (true, 3) => "</section><section>".to_owned(),
                    (false, 3) => "<div class=\"parts\"><section>".to_owned(),
                    _ => String::new(),
                });
                in_part = *level == 3 || (in_part && *level > 3);
            }
            source.push(match block {
                Block::Heading { level, text } => {
                    // Only sections are linked to; their parts are called alike in several.
                    let id = if *level < 3 { format!(" id=\"{}\"", anchor(text)) } else { String::new() };
                    format!("<h{level}{id}>{}</h{level}>", escape_html(text))
                }
                Block::Text(text) => text.clone(),
                Block::Figure(figure) => figure.html(),
            });
        }
        if in_part {
            source.push("</section></div>".to_owned());
        }
        let table = "<div class=\"scroll\" tabindex=\"0\"><table>";
        render(&source.join("\n\n")).replace("<table>", table).replace("</table>", "</table></div>")
    }

    fn block(&mut self, text: &str) {
        self.blocks.push(Block::Text(text.to_owned()));
    }
}

/// Markdown as HTML.
pub(crate) fn render(markdown: &str) -> String {
    let mut text = String::new();
    html::push_html(&mut text, Parser::new_ext(markdown, Options::ENABLE_TABLES));
    text
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let letters: String =
        heading.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    letters.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Text that stays in its table cell and is not taken for markup, as class names and host names may be.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' | '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        page.heading(2, "Title & (more)");
        page.heading(3, "Part");
        page.heading(3, "Part 2");
        page.table(&["a".into(), "b".into()], &[vec!["x|y <i>".into(), "1".into()]]);
        page.table(&["left out".into()], &[]);
        page.folded_code("shown < asked", "text", "one\n\ntwo <b>\n");
        page
    }

    #[test]
    fn as_markdown() {
        let expected = "## Title \\& (more)\n\n### Part\n\n### Part 2\n\n| a | b |\n| --- | ---: |\n| x\\|y \\<i> | 1 |\n\n\
                        <details><summary>shown &lt; asked</summary>\n\n```text\none\n\ntwo <b>\n```\n\n</details>\n";
        assert_eq!(page().to_markdown(), expected);
    }

    #[test]
    fn as_html() {
        let html = page().to_html();
        for part in [
            "<h2 id=\"title-more\">Title &amp; (more)</h2>",
            "<div class=\"parts\"><section>\n<h3>Part</h3>\n</section><section>\n<h3>Part 2</h3>",
            "</details>\n</section></div>",
            "<td>x|y &lt;i&gt;</td><td style=\"text-align: right\">1</td>",
            "<details><summary>shown &lt; asked</summary>\n<pre><code class=\"language-text\">one\n\ntwo &lt;b&gt;",
            "</div>",
        ] {
            assert!(html.contains(part), "{part} is not in\n{html}");
        }
        assert_eq!(page().headings(2).collect::<Vec<_>>(), [("title-more".to_owned(), "Title & (more)")]);
    }
}
