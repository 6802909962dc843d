//! The verbs that look and run nothing: validate, explain, graph, schema.

use std::path::Path;

use alt::{Check, Code};
use last::Picture;
use serde::Serialize;

use crate::arguments::{GraphFormat, SchemaOf, ValidateArguments};
use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::settings::Settings;
use crate::{catalogue, output, source};

/// What `validate --json` says of one file.
#[derive(Debug, Serialize)]
struct Validated<'a> {
    file: &'a str,
    valid: bool,
    tasks: usize,
    dependencies: usize,
    diagnostics: &'a [alt::Diagnostic],
    more_errors: usize,
    more_warnings: usize,
}

pub(crate) fn validate(
    arguments: &ValidateArguments,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    let jobs: Vec<&str> = registry.names().collect();
    let check = Check { jobs: Some(&jobs), strict: arguments.strict, ..Check::default() };
    let mut exit = Exit::Success;
    let mut sources = Vec::new();
    for path in &arguments.files {
        let source = source::read(path, &check)?;
        if source.report.alt.is_none() {
            exit = Exit::Invalid;
        }
        if arguments.json {
            sources.push(source);
            continue;
        }
        source.tell();
        let line = match &source.report.alt {
            Some(alt) => format!(
                "{}: valid, {}, {}\n",
                source.name,
                counted(alt.graph().len(), "task", "tasks"),
                counted(alt.graph().edge_count(), "dependency", "dependencies")
            ),
            None => {
                let errors = source.report.errors().count() + source.report.more_errors;
                format!("{}: invalid, {}\n", source.name, counted(errors, "error", "errors"))
            }
        };
        output::result(&line)?;
    }
    if arguments.json {
        output::json(&sources.iter().map(validated).collect::<Vec<_>>())?;
    }
    Ok(exit)
}

fn validated(source: &source::Source) -> Validated<'_> {
    let graph = source.report.alt.as_ref().map(|alt| alt.graph());
    Validated {
        file: &source.name,
        valid: graph.is_some(),
        tasks: graph.map_or(0, alt::Graph::len),
        dependencies: graph.map_or(0, alt::Graph::edge_count),
        diagnostics: &source.report.diagnostics,
        more_errors: source.report.more_errors,
        more_warnings: source.report.more_warnings,
    }
}

pub(crate) fn explain(code: &str) -> Result<Exit, Failure> {
    let code: Code = code.parse().map_err(|error| {
        let (first, last) = (Code::ALL[0], Code::ALL[Code::ALL.len() - 1]);
        Failure::usage(format!("{error}"), format!("the codes go from {first} to {last}"))
    })?;
    output::result(code.explain())?;
    Ok(Exit::Success)
}

pub(crate) fn graph(file: &Path, format: GraphFormat) -> Result<Exit, Failure> {
    // Any job will do: a picture can be drawn of a file whose jobs are elsewhere.
    let source = source::read(file, &Check::default())?;
    let Some(alt) = &source.report.alt else {
        source.tell();
        return Ok(Exit::Invalid);
    };
    let picture = Picture::new(alt, None);
    output::result(&match format {
        GraphFormat::Svg => picture.svg(),
        GraphFormat::Dot => picture.dot(),
        GraphFormat::Mermaid => picture.mermaid(),
        GraphFormat::Text => picture.text(),
    })?;
    Ok(Exit::Success)
}

pub(crate) fn schema(of: SchemaOf) -> Result<Exit, Failure> {
    output::result(&match of {
        SchemaOf::Alt => alt::schema(),
        SchemaOf::Last => last::schema(),
    })?;
    Ok(Exit::Success)
}
