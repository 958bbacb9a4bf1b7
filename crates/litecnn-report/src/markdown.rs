/// A Markdown page under construction: blocks with one empty line between them.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    pub(crate) fn heading(&mut self, level: usize, text: &str) {
        self.block(&format!("{} {text}", "#".repeat(level)));
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

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn block(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// Text that stays in its table cell and is not taken for markup, as class names and host names may be.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' => {
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

    #[test]
    fn blocks_and_cells() {
        let mut page = Page::default();
        page.heading(2, "Title");
        page.table(&["a".into(), "b".into()], &[vec!["x|y".into(), "1".into()]]);
        page.table(&["left out".into()], &[]);
        page.code("text", "one\ntwo\n");
        let expected = "## Title\n\n| a | b |\n| --- | ---: |\n| x\\|y | 1 |\n\n```text\none\ntwo\n```\n";
        assert_eq!(page.finish(), expected);
    }
}
