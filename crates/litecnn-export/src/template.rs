use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value};

/// One of this crate's templates with its values.
pub(crate) fn render(template: &str, values: &Value) -> String {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    // The templates are constants that every kind of model is tested with.
    environment.render_str(template, values).expect("a template fits its values")
}
