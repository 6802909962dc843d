//! `transform`: JSON to JSON by jq expressions.

use std::thread;

use alt::Json;
use jaq_json::{Val, read};
use job::{Context, Error, job};
use protocol::limits;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::jq::{self, DEPTH_MAX, Expression};
use crate::nesting;
use crate::present::present;

/// Values are built, written and dropped by recursion, so that a deep one needs a deep stack. It is
/// only reserved, not filled.
const STACK_BYTES: usize = 256 * 1024 * 1024;
const ITEMS_MAX: usize = 10_000_000;
const ITEM: &str = "$item";

/// What to work on and the steps, done in the order of the fields; no step gives the input back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Any value; the outputs of all dependencies by task id if this and the next are absent.
    #[serde(default, alias = "input_data", deserialize_with = "present")]
    input: Option<Json>,
    /// The output of this task.
    input_from_dependency: Option<String>,
    /// Keeps the objects in which this key has the value `filter_value`.
    filter_key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    filter_value: Option<Json>,
    /// Keeps the elements for which this is true.
    filter: Option<String>,
    /// Replaces each element by the outputs of this.
    map: Option<String>,
    /// Folds the elements into one value: a [`Reduce`], or its `update` alone.
    reduce: Option<Json>,
    /// Replaces the whole by the one output of this.
    expression: Option<String>,
}

/// `update` gives the next value from `.`, the value so far, and `$item`, the element.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reduce {
    /// The first value; null if absent.
    init: Option<Json>,
    update: String,
}

impl Reduce {
    fn read(json: &Json) -> Result<Self, Error> {
        let read = match json.text().starts_with('"') {
            true => json.read().map(|update| Self { init: None, update }),
            false => json.read(),
        };
        read.map_err(|fault| Error::parameter("reduce", fault.to_string()))
    }
}

#[job("transform", description = "Filters, maps, reduces or rewrites JSON with jq expressions.")]
async fn transform(parameters: Parameters, context: Context) -> Result<Json, Error> {
    let input = input(&parameters, &context).await?;
    // Fires when the attempt is stopped and also when it is dropped.
    let stop = context.cancelled().child_token();
    let _guard = stop.clone().drop_guard();
    let (sender, output) = oneshot::channel();
    let work = move || {
        let _ = sender.send(work(&parameters, &input, &stop));
    };
    thread::Builder::new()
        .name("transform".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map_err(|fault| Error::Unavailable(format!("no thread: {fault}")))?;
    tokio::select! {
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
        output = output => {
            output.unwrap_or_else(|_| Err(Error::fatal("the expression broke its interpreter")))
        }
    }
}

async fn input(parameters: &Parameters, context: &Context) -> Result<Json, Error> {
    match (&parameters.input, &parameters.input_from_dependency) {
        (Some(input), None) => Ok(input.clone()),
        (None, Some(id)) => context.output(id).await.map_err(|error| match error {
            Error::Parameter { problem, .. } => Error::parameter("input_from_dependency", problem),
            other => other,
        }),
        (Some(_), Some(_)) => {
            Err(Error::parameter("input", "give `input` or `input_from_dependency`, not both"))
        }
        (None, None) => {
            let mut members = Vec::new();
            for dependency in context.dependencies() {
                let output = context.output(&dependency.id).await?;
                members.push(format!(
                    "{}:{}",
                    Json::from_value(&dependency.id)?.text(),
                    output.text()
                ));
            }
            Ok(Json::from_text(format!("{{{}}}", members.join(",")))?)
        }
    }
}

fn work(parameters: &Parameters, input: &Json, stop: &CancellationToken) -> Result<Json, Error> {
    let steps = Steps::new(parameters)?;
    let output = steps.run(value("input", input)?, stop)?;
    let text = jq::write(&output, limits::OUTPUT_BYTES)?;
    Json::from_text(text).map_err(|fault| {
        Error::fatal(format!("the result is not JSON (not a number, bytes, other keys?): {fault}"))
    })
}

/// The steps of one task, compiled before the first one runs.
#[derive(Debug)]
struct Steps {
    equal: Option<(Val, Val)>,
    filter: Option<Expression>,
    map: Option<Expression>,
    reduce: Option<(Val, Expression)>,
    expression: Option<Expression>,
}

impl Steps {
    fn new(parameters: &Parameters) -> Result<Self, Error> {
        let compile = |name: &str, code: &Option<String>| {
            code.as_ref().map(|code| Expression::new(name, code, &[])).transpose()
        };
        let equal = match (&parameters.filter_key, &parameters.filter_value) {
            (Some(key), Some(wanted)) => {
                Some((Val::from(key.clone()), value("filter_value", wanted)?))
            }
            (None, None) => None,
            (Some(_), None) => return Err(Error::parameter("filter_value", "is missing")),
            (None, Some(_)) => return Err(Error::parameter("filter_key", "is missing")),
        };
        let reduce = match &parameters.reduce {
            None => None,
            Some(json) => {
                let Reduce { init, update } = Reduce::read(json)?;
                let init = init.map(|init| value("reduce.init", &init)).transpose()?;
                let update = Expression::new("reduce.update", &update, &[ITEM])?;
                Some((init.unwrap_or_default(), update))
            }
        };
        Ok(Self {
            equal,
            filter: compile("filter", &parameters.filter)?,
            map: compile("map", &parameters.map)?,
            reduce,
            expression: compile("expression", &parameters.expression)?,
        })
    }

    fn run(&self, mut value: Val, stop: &CancellationToken) -> Result<Val, Error> {
        if let Some((key, wanted)) = &self.equal {
            let matches =
                |item: &Val| matches!(item, Val::Obj(map) if map.get(key) == Some(wanted));
            value = elements("filter_key", value)?.into_iter().filter(matches).collect();
        }
        if let Some(filter) = &self.filter {
            value = keep(filter, elements("filter", value)?, stop)?;
        }
        if let Some(map) = &self.map {
            value = replace(map, elements("map", value)?, stop)?;
        }
        if let Some((init, update)) = &self.reduce {
            let items = elements("reduce", value)?;
            value = items
                .into_iter()
                .try_fold(init.clone(), |so_far, item| update.one(so_far, [item], stop))?;
        }
        match &self.expression {
            Some(expression) => expression.one(value, [], stop),
            None => Ok(value),
        }
    }
}

/// The elements for which the first output of `filter` is neither false nor null.
fn keep(filter: &Expression, items: Vec<Val>, stop: &CancellationToken) -> Result<Val, Error> {
    let mut kept = Vec::new();
    for item in items {
        let mut wanted = false;
        filter.each(item.clone(), [], stop, |output| {
            wanted = !matches!(output, Val::Null | Val::Bool(false));
            Ok(false)
        })?;
        if wanted {
            kept.push(item);
        }
    }
    Ok(kept.into_iter().collect())
}

fn replace(map: &Expression, items: Vec<Val>, stop: &CancellationToken) -> Result<Val, Error> {
    let mut outputs = Vec::new();
    for item in items {
        map.each(item, [], stop, |output| {
            outputs.push(output);
            if outputs.len() > ITEMS_MAX {
                return Err(Error::fatal(format!("`map` has more than {ITEMS_MAX} outputs")));
            }
            Ok(true)
        })?;
    }
    Ok(outputs.into_iter().collect())
}

fn elements(step: &str, value: Val) -> Result<Vec<Val>, Error> {
    match value {
        Val::Arr(items) => Ok(items.to_vec()),
        other => {
            let kind = match other {
                Val::Null => "null",
                Val::Bool(_) => "a boolean",
                Val::Num(_) => "a number",
                Val::BStr(_) | Val::TStr(_) => "a string",
                Val::Arr(_) | Val::Obj(_) => "an object",
            };
            Err(Error::parameter(step, format!("works on an array, and its input is {kind}")))
        }
    }
}

/// Reads `json`, the value of `parameter`, without losing a digit.
fn value(parameter: &str, json: &Json) -> Result<Val, Error> {
    let depth = nesting::depth(json.text());
    if depth > DEPTH_MAX {
        let problem = format!("nests {depth} deep; at most {DEPTH_MAX}");
        return Err(Error::parameter(parameter, problem));
    }
    read::parse_single(json.text().as_bytes())
        .map_err(|fault| Error::parameter(parameter, format!("cannot be read: {fault}")))
}
