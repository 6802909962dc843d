//! A diagnostic as people see it: the line, an arrow, what is wrong and what to do.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::visible::{escape, is_hidden};

/// Places further apart than this are shown as two excerpts: a file may be one line of megabytes.
const EXCERPT_BYTES: usize = 4_096;

/// What is shown on each side of a place in a line that is too long to show.
const SIDE_BYTES: usize = 60;

impl Diagnostic {
    /// The diagnostic in several lines, ending in a line feed.
    ///
    /// `name` is what the reader calls the file, `source` its whole text; `color` adds ANSI styles.
    #[must_use]
    pub fn render(&self, name: &str, source: &str, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Unicode);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&self.message).id(self.code.name());
        let name = escape(name, usize::MAX);
        let mut groups = vec![self.marked(Group::with_title(title), &name, source)];
        groups.extend(self.advice(source));
        let mut text = renderer.render(&groups);
        text.push('\n');
        text
    }

    fn marked<'a>(&'a self, group: Group<'a>, name: &'a str, source: &'a str) -> Group<'a> {
        let around = Excerpt::of(source, &self.span);
        let mut first = Snippet::source(stand_in(around.text)).line_start(self.line).annotation(
            AnnotationKind::Primary.span(around.place(&self.span)).label(self.label.as_deref()),
        );
        let mut others = Vec::new();
        let whole = Excerpt::covering(source, self.spans());
        if let Some(whole) = &whole {
            let line = self.line - lines_before(source, whole.start, self.span.start);
            first = Snippet::source(stand_in(whole.text)).line_start(line).annotation(
                AnnotationKind::Primary.span(whole.place(&self.span)).label(self.label.as_deref()),
            );
        }
        for related in &self.related {
            let context = |excerpt: &Excerpt<'_>| {
                let span = excerpt.place(&related.span);
                AnnotationKind::Context.span(span).label(Some(related.label.as_str()))
            };
            if let Some(whole) = &whole {
                first = first.annotation(context(whole));
            } else {
                let excerpt = Excerpt::of(source, &related.span);
                let line = 1 + lines_before(source, 0, excerpt.start);
                let mark = context(&excerpt);
                others.push(
                    Snippet::source(stand_in(excerpt.text)).line_start(line).annotation(mark),
                );
            }
        }
        let group = if whole.is_none() && around.cut {
            // The excerpt begins inside the line: its columns are not the file's.
            let origin = Origin::path(name).line(self.line).char_column(self.column);
            group.element(origin).element(first)
        } else {
            group.element(first.path(name))
        };
        group.elements(others)
    }

    fn spans(&self) -> impl Iterator<Item = &Range<usize>> {
        std::iter::once(&self.span).chain(self.related.iter().map(|related| &related.span))
    }

    fn advice<'a>(&'a self, source: &'a str) -> Option<Group<'a>> {
        let help = self.help.as_deref();
        let Some(fix) = &self.fix else {
            return help.map(|help| Group::with_title(Level::HELP.secondary_title(help)));
        };
        let text = escape(&fix.text, 200);
        let title = help.map_or_else(|| format!("write {text}"), ToOwned::to_owned);
        let title = Level::HELP.secondary_title(title);
        let excerpt = Excerpt::of(source, &fix.span);
        if excerpt.cut {
            return Some(Group::with_title(title));
        }
        let line = 1 + lines_before(source, 0, excerpt.start);
        let patch = Patch::new(excerpt.place(&fix.span), text);
        let snippet = Snippet::source(stand_in(excerpt.text)).line_start(line).patch(patch);
        Some(title.element(snippet))
    }
}

/// `text` with a stand-in for what the renderer would print as it is and a terminal might obey.
///
/// A stand-in has as many bytes as what it stands for, so that every place stays where it is.
fn stand_in(text: &str) -> Cow<'_, str> {
    let hidden = |character: char| !character.is_ascii() && is_hidden(character);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.len_utf8() {
            _ if !hidden(character) => out.push(character),
            2 => out.push('¿'),
            3 => out.push('\u{fffd}'),
            _ => out.push_str("\u{fffd}?"),
        }
    }
    Cow::Owned(out)
}

fn lines_before(source: &str, from: usize, to: usize) -> usize {
    source.as_bytes()[from.min(to)..to].iter().filter(|&&byte| byte == b'\n').count()
}

/// A part of the file around some places.
struct Excerpt<'a> {
    text: &'a str,
    start: usize,
    /// Whether it begins or ends inside a line.
    cut: bool,
}

impl<'a> Excerpt<'a> {
    /// The lines of one place, or a window when they are too long.
    fn of(source: &'a str, span: &Range<usize>) -> Self {
        let one = Self::covering(source, std::iter::once(span));
        one.unwrap_or_else(|| {
            let start = source.floor_char_boundary(span.start.saturating_sub(SIDE_BYTES));
            let end = source.ceil_char_boundary((span.end + SIDE_BYTES).min(source.len()));
            let end = end.min(source.ceil_char_boundary((span.start + EXCERPT_BYTES).min(end)));
            Self { text: &source[start..end], start, cut: true }
        })
    }

    /// All lines from the first place to the last, if they are few enough.
    fn covering<'s>(
        source: &'a str,
        spans: impl Iterator<Item = &'s Range<usize>>,
    ) -> Option<Self> {
        let (mut first, mut last) = (source.len(), 0);
        for span in spans {
            first = first.min(span.start);
            last = last.max(span.end.min(source.len()));
        }
        if last.saturating_sub(first) > EXCERPT_BYTES {
            return None;
        }
        let bytes = source.as_bytes();
        let back = bytes[..first].iter().rev().take(EXCERPT_BYTES);
        let forward = bytes[last..].iter().take(EXCERPT_BYTES);
        let start = match back.clone().position(|&byte| byte == b'\n') {
            Some(distance) => first - distance,
            None if first < EXCERPT_BYTES => 0,
            None => return None,
        };
        let end = match forward.clone().position(|&byte| byte == b'\n') {
            Some(distance) => last + distance,
            None if source.len() - last < EXCERPT_BYTES => source.len(),
            None => return None,
        };
        Some(Self { text: &source[start..end], start, cut: false })
    }

    fn place(&self, span: &Range<usize>) -> Range<usize> {
        let start = span.start.saturating_sub(self.start).min(self.text.len());
        let end = span.end.saturating_sub(self.start).min(self.text.len());
        self.text.floor_char_boundary(start)..self.text.ceil_char_boundary(end.max(start))
    }
}
