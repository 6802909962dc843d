//! `report.html`: what came of a run, on one page that needs nothing but itself.
//!
//! Every text is escaped by the template engine. The page's policy allows its own styles and its
//! own script by their hashes, pictures from beside it, and nothing else.

mod files;
mod outline;
mod page;
mod tasks;
mod text;
mod timeline;
mod usage;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use alt::Alt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment};
use sha2::Digest as _;

use crate::{LastFile, Picture};
pub use outline::Outline;

/// More tasks than this are told group by group.
const TASKS: usize = 1000;
/// Of so many tasks, what did not complete is told in full.
const CARDS: usize = 200;
/// What the outputs, errors and logs of all tasks may cost together, bytes of HTML.
const TEXT_BYTES: usize = 320 << 10;
/// What the source of the ALT file may cost.
const SOURCE_BYTES: usize = 96 << 10;

const TEMPLATE: &str = "report.html";
const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// What lies beside a LAST, as far as it is at hand. What is not is linked.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The beginning of the ALT file as submitted; 64 KiB are enough.
    pub alt: Option<String>,
    /// Beginnings of text artifacts and of outputs in files, by their path from the folder of the
    /// LAST; 4 KiB each are enough.
    pub texts: BTreeMap<String, String>,
}

/// The report of `last`: HTML, at most some megabytes for a run of any size.
///
/// `alt` is what was asked; `None` for a file that was refused; one that has other tasks is not used.
/// The same LAST makes the same bytes.
///
/// # Errors
/// When the template does not fit what is put into it, which is a fault of this crate.
pub fn report(
    last: &LastFile,
    alt: Option<&Alt>,
    beside: &Beside,
) -> Result<String, minijinja::Error> {
    Outline::of(last).report(alt, beside)
}

impl Outline {
    /// [`report()`] of a LAST that was assembled and never was in memory as a whole.
    ///
    /// # Errors
    /// As [`report()`].
    pub fn report(&self, alt: Option<&Alt>, beside: &Beside) -> Result<String, minijinja::Error> {
        let alt = alt.filter(|alt| alt.file().tasks.len() == self.rows.len());
        let ends: Vec<_> = self.rows.iter().map(|row| row.status).collect();
        let picture = alt.map(|alt| Picture::new(alt, Some(&ends)));
        let graph = picture.as_ref().map(Picture::svg);
        let style = format!("{}{STYLE}", crate::picture::PALETTE);
        let own = graph.as_deref().and_then(style_of);
        let policy = policy(own.into_iter().chain([style.as_str()]));
        let page = page::Page::new(self, alt, beside, picture.as_ref());
        let page = Value::from(Serde(page));
        let context = minijinja::context! { policy, style, script => SCRIPT, graph, page };
        templates()?.get_template(TEMPLATE)?.render(context)
    }
}

/// The template of the page, compiled once for all reports: to compile it takes longer than to fill it.
fn templates() -> Result<&'static Environment<'static>, minijinja::Error> {
    static TEMPLATES: OnceLock<Environment<'static>> = OnceLock::new();
    if let Some(compiled) = TEMPLATES.get() {
        return Ok(compiled);
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    environment.set_syntax(syntax.build()?);
    environment.add_template(TEMPLATE, PAGE)?;
    Ok(TEMPLATES.get_or_init(|| environment))
}

/// What the page may do: no request but for pictures beside it, no script and no style but its own.
///
/// `frame-ancestors` is not said: browsers do not take it from a page.
fn policy<'a>(styles: impl Iterator<Item = &'a str>) -> String {
    let styles: Vec<String> = styles.map(hash).collect();
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src 'self' data:; base-uri 'none'; \
         form-action 'none'",
        styles.join(" "),
        hash(SCRIPT),
    )
}

/// The name of a text in a policy.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha2::Sha256::digest(text.as_bytes())))
}

/// The styles that a picture brings along.
fn style_of(svg: &str) -> Option<&str> {
    let (_, rest) = svg.split_once("<style>")?;
    rest.split_once("</style>").map(|(style, _)| style)
}
