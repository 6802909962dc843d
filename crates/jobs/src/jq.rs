//! jq expressions that can be stopped while they loop and cannot end the worker.
//!
//! Differences from jq, each so that one task cannot harm others: no `def` (a recursion without end
//! would overflow the stack, and that ends the whole process), no `env`, no modules, nothing is
//! printed, `halt` is an error, and there are no updates through `recurse(f)` and its like.
//!
//! What can be stopped: everything that repeats by `range`, `repeat`, `recurse`, `while` or
//! `until`. What cannot: one built-in step on a huge value, such as sorting it or repeating a
//! string many times. Two things are not bounded here: the memory of values on the way, which is
//! the business of the worker's cgroup, and their depth. The interpreter works on values by
//! recursion; one that an expression itself nests far over 100,000 deep overflows the stack.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::iter;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, v};
use jaq_core::{Compiler, Ctx, Cv, DataT, Exn, Filter, Lut, Native, ValX, ValXs, Vars};
use jaq_json::Val;
use job::Error;
use tokio_util::sync::CancellationToken;

/// How deep an input or a result may nest.
pub(crate) const DEPTH_MAX: usize = 1000;
const EXPRESSION_BYTES: usize = 16 * 1024;
const SHOWN_BYTES: usize = 40;

/// The loops of the standard library, each with a place where it can be stopped.
const LOOPS: &str = "
    def repeat(f): def rec: f, (checkpoint | rec); rec;
    def recurse(f): def rec: ., (f | checkpoint | rec); rec;
    def while(cond; update):
        def rec: if cond then ., (update | checkpoint | rec) else empty end; rec;
    def until(cond; update): def rec: if cond then . else update | checkpoint | rec end; rec;
";

/// The types an expression works on.
#[derive(Debug)]
struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

#[derive(Clone, Copy)]
struct Data<'a> {
    lut: &'a Lut<Kind>,
    stop: &'a CancellationToken,
}

impl<'a> HasLut<'a, Kind> for Data<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

/// A compiled expression.
pub(crate) struct Expression {
    parameter: String,
    filter: Filter<Kind>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("parameter", &self.parameter).finish_non_exhaustive()
    }
}

impl Expression {
    /// Compiles `code`, the value of `parameter`, which may use `variables` such as `$item`.
    ///
    /// # Errors
    /// [`Error::Parameter`] that says where in the expression the fault is.
    pub(crate) fn new(parameter: &str, code: &str, variables: &[&str]) -> Result<Self, Error> {
        let wrong = |problem: String| Error::parameter(parameter, problem);
        if code.len() > EXPRESSION_BYTES {
            let problem = format!("is {} bytes; at most {EXPRESSION_BYTES}", code.len());
            return Err(wrong(problem));
        }
        refuse_definitions(code).map_err(wrong)?;
        let arena = Arena::default();
        let modules = Loader::new(definitions())
            .load(&arena, File { code, path: () })
            .map_err(|errors| wrong(load_problem(code, errors)))?;
        let filter = Compiler::default()
            .with_funs(functions())
            .with_global_vars(variables.iter().copied())
            .compile(modules)
            .map_err(|errors| wrong(compile_problem(code, errors)))?;
        Ok(Self { parameter: parameter.to_owned(), filter })
    }

    /// Hands each output for `input` to `take`, until that returns false.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `stop` fired; [`Error::Failed`] when the expression raised one.
    pub(crate) fn each(
        &self,
        input: Val,
        variables: impl IntoIterator<Item = Val>,
        stop: &CancellationToken,
        mut take: impl FnMut(Val) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let data = Data { lut: &self.filter.lut, stop };
        let context = Ctx::<Kind>::new(data, Vars::new(variables));
        for output in self.filter.id.run((context, input)) {
            if stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if !take(output.map_err(|raised| self.raised(raised))?)? {
                break;
            }
        }
        Ok(())
    }

    /// The one output for `input`.
    ///
    /// # Errors
    /// As for [`Self::each`], and when there is no output or more than one.
    pub(crate) fn one(
        &self,
        input: Val,
        variables: impl IntoIterator<Item = Val>,
        stop: &CancellationToken,
    ) -> Result<Val, Error> {
        let mut outputs = Vec::new();
        self.each(input, variables, stop, |output| {
            outputs.push(output);
            Ok(outputs.len() < 2)
        })?;
        let parameter = &self.parameter;
        match (outputs.pop(), outputs.pop()) {
            (Some(output), None) => Ok(output),
            (None, _) => Err(Error::fatal(format!("`{parameter}` has no output; it needs one"))),
            (Some(_), Some(_)) => {
                let help = "put it in `[` and `]` to collect them";
                Err(Error::fatal(format!("`{parameter}` has more than one output; {help}")))
            }
        }
    }

    fn raised(&self, raised: Exn<'_, Val>) -> Error {
        let parameter = &self.parameter;
        match raised.get_err() {
            Ok(error) => {
                let mut text = Bounded { text: String::new(), limit: 1024 };
                // A text that is too long is cut, which is all that can go wrong here.
                let _ = write!(text, "{error}");
                Error::fatal(format!("`{parameter}` failed: {}", text.text))
            }
            Err(other) => match other.get_halt() {
                Ok(STOPPED) => Error::Cancelled,
                _ => Error::fatal(format!("`{parameter}` calls `halt`, which a task may not")),
            },
        }
    }
}

/// Writes `value` as text of at most `limit` bytes; JSON if the value is.
///
/// # Errors
/// [`Error::Failed`] when it is longer, or deeper than [`DEPTH_MAX`].
pub(crate) fn write(value: &Val, limit: usize) -> Result<String, Error> {
    let mut pending = vec![(value, 1)];
    while let Some((value, depth)) = pending.pop() {
        if depth > DEPTH_MAX {
            return Err(Error::fatal(format!("the result nests over {DEPTH_MAX} deep")));
        }
        let nests = |value: &&Val| matches!(value, Val::Arr(_) | Val::Obj(_));
        match value {
            Val::Arr(items) => {
                pending.extend(items.iter().filter(nests).map(|item| (item, depth + 1)));
            }
            Val::Obj(members) => {
                let parts = members.iter().flat_map(|(key, value)| [key, value]);
                pending.extend(parts.filter(nests).map(|item| (item, depth + 1)));
            }
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => {}
        }
    }
    let mut bounded = Bounded { text: String::new(), limit };
    match write!(bounded, "{value}") {
        Ok(()) => Ok(bounded.text),
        Err(fmt::Error) => Err(Error::fatal(format!("the result is longer than {limit} bytes"))),
    }
}

struct Bounded {
    text: String,
    limit: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self.limit - self.text.len();
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        if part.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The exit code by which a stopped loop is told from a call of `halt`, whose codes are checked.
const STOPPED: i32 = i32::MIN;

fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let mut loops = load::parse(LOOPS, |parser| parser.defs()).unwrap_or_default();
    let core = jaq_core::defs().map(move |def| {
        let same = |own: &Def<&str>| own.name == def.name && own.args.len() == def.args.len();
        match loops.iter().position(same) {
            Some(place) => loops.swap_remove(place),
            None => def,
        }
    });
    core.chain(jaq_std::defs()).chain(jaq_json::defs())
}

fn functions() -> impl Iterator<Item = Fun<Kind>> {
    let others = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(
        |(name, ..): &Fun<Kind>| {
            !matches!(*name, "range" | "env" | "stderr_empty" | "debug_empty" | "halt")
        },
    );
    let checkpoint = Native::<Kind>::new(|cv| box_once(released(&cv.0).map(|()| cv.1)))
        .with_paths(|cv| box_once(released(&cv.0).map(|()| cv.1)));
    let silent = || Native::<Kind>::new(|_| Box::new(iter::empty()));
    let own: [Fun<Kind>; 5] = [
        ("checkpoint", v(0), checkpoint),
        ("range", v(3), Native::<Kind>::new(range)),
        ("stderr_empty", v(0), silent()),
        ("debug_empty", v(0), silent()),
        ("halt", v(1), Native::<Kind>::new(|_| box_once(Err(Exn::halt(0))))),
    ];
    own.into_iter().chain(others)
}

fn released<'a>(context: &Ctx<'a, Kind>) -> Result<(), Exn<'a, Val>> {
    if context.data().stop.is_cancelled() { Err(Exn::halt(STOPPED)) } else { Ok(()) }
}

/// `range(from; to; by)`, stoppable between two numbers.
fn range(mut cv: Cv<'_, Kind>) -> ValXs<'_, Val> {
    let by = cv.0.pop_var();
    let to = cv.0.pop_var();
    let mut next: Option<ValX<'_, Val>> = Some(Ok(cv.0.pop_var()));
    let direction = by.cmp(&Val::from(0_isize));
    let context = cv.0;
    Box::new(iter::from_fn(move || {
        let now = match next.take()? {
            Ok(now) => now,
            Err(fault) => return Some(Err(fault)),
        };
        let inside = match direction {
            Ordering::Greater => now < to,
            Ordering::Less => now > to,
            Ordering::Equal => now != to,
        };
        if !inside {
            return None;
        }
        if let Err(stopped) = released(&context) {
            return Some(Err(stopped));
        }
        next = Some((now.clone() + by.clone()).map_err(Exn::from));
        Some(Ok(now))
    }))
}

/// Finds `def name…` in `code`; a field or key of that name is no definition.
fn refuse_definitions(code: &str) -> Result<(), String> {
    // What cannot be split into tokens is refused by the compiler, with its reason.
    let Ok(tokens) = Lexer::new(code).lex() else {
        return Ok(());
    };
    let mut pending: Vec<&[Token<&str>]> = vec![&tokens];
    while let Some(tokens) = pending.pop() {
        for (index, Token(text, kind)) in tokens.iter().enumerate() {
            match kind {
                Tok::Word if *text == "def" => {
                    let field = index > 0 && tokens[index - 1].0.ends_with('.');
                    let names = tokens
                        .get(index + 1)
                        .is_some_and(|next| matches!(next.1, Tok::Word | Tok::Fmt));
                    if names && !field {
                        let place = place(code, text);
                        return Err(format!("defines a function{place}; use built-in ones"));
                    }
                }
                Tok::Block(inner) => pending.push(inner),
                Tok::Str(parts) => pending.extend(parts.iter().filter_map(|part| match part {
                    StrPart::Term(term) => Some(std::slice::from_ref(term)),
                    StrPart::Str(_) | StrPart::Char(_) => None,
                })),
                _ => {}
            }
        }
    }
    Ok(())
}

fn load_problem(code: &str, errors: load::Errors<&str, ()>) -> String {
    let problems = errors.into_iter().flat_map(|(_, error)| match error {
        load::Error::Io(faults) => {
            faults.into_iter().map(|(at, _)| found("no modules", code, at)).collect::<Vec<_>>()
        }
        load::Error::Lex(faults) => {
            faults.iter().map(|(expect, at)| found(expect.as_str(), code, at)).collect()
        }
        load::Error::Parse(faults) => {
            faults.iter().map(|(expect, at)| found(expect.as_str(), code, at)).collect()
        }
    });
    one_line(problems)
}

fn compile_problem(code: &str, errors: jaq_core::compile::Errors<&str, ()>) -> String {
    let faults = errors.into_iter().flat_map(|(_, faults)| faults);
    one_line(
        faults.map(|(name, kind)| format!("no {} `{name}`{}", kind.as_str(), place(code, name))),
    )
}

fn one_line(problems: impl Iterator<Item = String>) -> String {
    let problems: Vec<String> = problems.take(5).collect();
    format!("is not a jq expression: {}", problems.join("; "))
}

fn found(expected: &str, code: &str, at: &str) -> String {
    let shown = match at {
        "" => "the end".to_owned(),
        at => format!("`{}`", &at[..at.floor_char_boundary(SHOWN_BYTES)]),
    };
    format!("expected {expected}, found {shown}{}", place(code, at))
}

/// Where `part`, a slice of `code`, begins; empty when it is not one.
fn place(code: &str, part: &str) -> String {
    let offset = part.as_ptr().addr().wrapping_sub(code.as_ptr().addr());
    let Some(before) = code.get(..offset) else {
        return String::new();
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" at line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn every_kind_of_endless_loop_can_be_stopped() {
        let loops = [
            "last(repeat(.))",
            "last(repeat(., .))",
            "last(recurse(.))",
            "last(recurse(., .))",
            "last(while(true; .))",
            "until(false; .)",
            "last(range(0; 1; 0))",
            "[limit(1; repeat(.) | select(false))]",
            "last(repeat(try error(\"x\") catch empty))",
            "try last(repeat(.)) catch 1",
            "path(last(repeat(.)))",
        ];
        for code in loops {
            let stop = CancellationToken::new();
            let watched = stop.clone();
            let work = move || {
                let expression = Expression::new("expression", code, &[])?;
                expression.each(Val::Null, [], &watched, |_| Ok(true))
            };
            let work = thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.cancel();
            assert_eq!(work.join().unwrap(), Err(Error::Cancelled), "{code}");
        }
    }
}
