//! The expressions in parameters: readable, naming tasks that must be complete by then.

use crate::diagnostic::{Diagnostic, Findings, quote};
use crate::expression::{self, Fault, Piece};
use crate::graph::Graph;
use crate::links::Ids;
use crate::model::TaskIndex;
use crate::shape::{Shape, nearest};
use crate::structure::{Step, Walk};
use crate::value::span_in;
use crate::{Code, limits};

/// Checks every expression and notes the ancestors that are named without being dependencies.
///
/// Without a graph, because tasks wait for each other in a ring, who comes before whom is not asked.
pub(crate) fn check(
    text: &str,
    shape: &mut Shape<'_>,
    graph: Option<&Graph>,
    findings: &mut Findings,
) {
    findings.phase();
    let mut ids = None;
    let mut ancestors = Ancestors::new(graph);
    for index in 0..shape.origins.len() {
        let Some(raw) = shape.origins[index].parameters else {
            continue;
        };
        if !raw.get().contains(expression::OPEN) {
            continue;
        }
        // Made for the first file that needs it: most files have no expression.
        let ids = ids.get_or_insert_with(|| Ids::of(&shape.file.tasks));
        let base = span_in(text, raw.get()).start;
        let task = TaskIndex(u32::try_from(index).unwrap_or(u32::MAX));
        let mut place = Place { task, base, shape, ids, findings };
        let mut references = place.strings(raw.get(), &mut ancestors);
        references.sort_unstable();
        references.dedup();
        let dependencies = &shape.file.tasks[index].dependencies;
        references.retain(|named| dependencies.binary_search(named).is_err());
        shape.file.tasks[index].references = references;
        if ancestors.exhausted() {
            findings.error(|| {
                Diagnostic::error(Code::ReferenceWork, base..base + 1, format!("/tasks/{index}"))
                    .message("the references of this file take too long to check")
                    .label("gave up here")
                    .help("name the tasks referred to in `dependencies`: that costs nothing")
            });
            return;
        }
    }
}

/// The task whose parameters are read.
struct Place<'a, 's> {
    task: TaskIndex,
    /// Where its parameters begin in the file.
    base: usize,
    shape: &'s Shape<'a>,
    ids: &'s Ids,
    findings: &'s mut Findings,
}

impl Place<'_, '_> {
    fn strings(&mut self, raw: &str, ancestors: &mut Ancestors<'_>) -> Vec<TaskIndex> {
        let mut walk = Walk::new(raw);
        let mut found = Vec::new();
        let mut count = 0;
        while let Some(Step::String(literal)) = walk.step() {
            let quoted = &raw[literal.span.clone()];
            if literal.is_key || !quoted.contains(expression::OPEN) {
                continue;
            }
            let Ok(decoded) = serde_json::from_str::<String>(quoted) else {
                continue;
            };
            let span = self.base + literal.span.start..self.base + literal.span.end;
            for piece in expression::pieces(&decoded) {
                let inside = match piece {
                    Piece::Text(_) => continue,
                    Piece::Unclosed(_) => {
                        let fault = self.fault(Code::ExpressionSyntax, &span);
                        self.findings.error(|| {
                            fault
                                .message("`${{` is not closed")
                                .label("`}}` is missing")
                                .help("close it, or write `$${{` for the characters themselves")
                        });
                        continue;
                    }
                    Piece::Expression(range) => &decoded[range],
                };
                count += 1;
                if count > limits::EXPRESSIONS || inside.len() > limits::EXPRESSION_BYTES {
                    let fault = self.fault(Code::ExpressionCount, &span);
                    self.findings.error(|| {
                        fault
                            .message(format!(
                                "a task may have {} expressions of {} bytes",
                                limits::EXPRESSIONS,
                                limits::EXPRESSION_BYTES
                            ))
                            .label("one too many, or too long")
                    });
                    return found;
                }
                found.extend(self.expression(inside, &span, ancestors));
            }
        }
        found
    }

    fn fault(&self, code: Code, span: &std::ops::Range<usize>) -> Diagnostic {
        Diagnostic::error(code, span.clone(), format!("/tasks/{}/parameters", self.task.0))
    }

    fn expression(
        &mut self,
        inside: &str,
        span: &std::ops::Range<usize>,
        ancestors: &mut Ancestors<'_>,
    ) -> Vec<TaskIndex> {
        let names = match expression::inspect(inside) {
            Ok(names) => names,
            Err(fault) => {
                self.refuse(&fault, inside, span);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for name in names {
            match self.ids.get(&name) {
                None => self.unknown(&name, span),
                Some(named) if ancestors.has(self.task, named) => found.push(named),
                Some(_) => {
                    let fault = self.fault(Code::NotAnAncestor, span);
                    let id = quote(&self.shape.file.tasks[self.task.get()].id);
                    self.findings.error(|| {
                        let name = quote(&name);
                        fault
                            .message(format!(
                                "task {id} refers to {name}, which it does not wait for"
                            ))
                            .label(format!("{name} need not be complete by then"))
                            .help(format!("add {name} to the `dependencies` of {id}"))
                    });
                }
            }
        }
        found
    }

    fn refuse(&mut self, fault: &Fault, inside: &str, span: &std::ops::Range<usize>) {
        let inside = quote(inside.trim());
        let (code, message, help) = match fault {
            Fault::Syntax(words) => (
                Code::ExpressionSyntax,
                format!("the expression {inside} cannot be read: {words}"),
                "write `$${{` for the characters themselves".to_owned(),
            ),
            Fault::UnknownName(name) => (
                Code::UnknownName,
                format!("the expression {inside} uses {}, which means nothing here", quote(name)),
                "only `tasks.<id>.output` is known".to_owned(),
            ),
            Fault::Unclear => (
                Code::UnknownName,
                format!("the expression {inside} does not say which task it means"),
                "write `tasks.<id>.output` or `tasks[\"<id>\"].output`".to_owned(),
            ),
        };
        let found = self.fault(code, span);
        self.findings.error(|| found.message(message).label("in this text").help(help));
    }

    fn unknown(&mut self, name: &str, span: &std::ops::Range<usize>) {
        let fault = self.fault(Code::UnknownReference, span);
        let tasks = &self.shape.file.tasks;
        self.findings.error(|| {
            let fault = fault
                .message(format!(
                    "an expression refers to {}, which is not in this file",
                    quote(name)
                ))
                .label("no task has this id");
            let ids = tasks.iter().take(20_000).map(|task| task.id.as_str());
            match nearest(name, ids) {
                Some(near) => fault.help(format!("did you mean {}?", quote(near))),
                None => fault,
            }
        });
    }
}

/// Who comes before whom, with a bound on the work.
struct Ancestors<'g> {
    graph: Option<&'g Graph>,
    /// The last task whose walk came by here, plus one.
    seen_for: Vec<u32>,
    /// The task whose ancestors are marked, if all are.
    marked: Option<TaskIndex>,
    steps: u64,
}

impl<'g> Ancestors<'g> {
    const fn new(graph: Option<&'g Graph>) -> Self {
        Self { graph, seen_for: Vec::new(), marked: None, steps: 0 }
    }

    const fn exhausted(&self) -> bool {
        self.steps > limits::REFERENCE_STEPS
    }

    fn has(&mut self, task: TaskIndex, wanted: TaskIndex) -> bool {
        let Some(graph) = self.graph else { return true };
        if graph.dependencies(task).binary_search(&wanted).is_ok() {
            return true;
        }
        if graph.level(wanted) >= graph.level(task) {
            return false;
        }
        if self.marked != Some(task) {
            self.mark(graph, task);
        }
        // Given up half-way, nothing is known: the one fault is that it takes too long.
        self.exhausted() || self.seen_for[wanted.get()] == task.0 + 1
    }

    fn mark(&mut self, graph: &Graph, task: TaskIndex) {
        self.seen_for.resize(graph.len(), 0);
        let mut open = vec![task];
        while let Some(next) = open.pop() {
            for &before in graph.dependencies(next) {
                self.steps += 1;
                if self.seen_for[before.get()] != task.0 + 1 {
                    self.seen_for[before.get()] = task.0 + 1;
                    open.push(before);
                }
            }
            if self.exhausted() {
                return;
            }
        }
        self.marked = Some(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Links;

    #[test]
    fn who_gave_up_accuses_nobody() {
        let [a, b, c, other] = [0, 1, 2, 3].map(TaskIndex);
        let links = Links::new(&[&[], &[a], &[b], &[]]);
        let graph = links.order().unwrap();
        let mut ancestors = Ancestors::new(Some(&graph));
        let found = [a, b, other, c].map(|wanted| ancestors.has(c, wanted));
        assert_eq!(found, [true, true, false, false]);
        assert!(!ancestors.exhausted());

        let mut ancestors = Ancestors::new(Some(&graph));
        ancestors.steps = limits::REFERENCE_STEPS;
        assert!(ancestors.has(c, a));
        assert!(ancestors.exhausted());
    }
}
