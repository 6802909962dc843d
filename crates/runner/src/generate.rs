//! ALT files of any size for trying things out: the same arguments make the same bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::arguments::{GenArguments, Shape};
use crate::exit::{Exit, Failure};
use crate::source;

/// Tasks of one layer of the layered shape.
const LAYER: u32 = 100;

/// Dependencies of a task of the layered shape, at most.
const MOST_DEPENDENCIES: u64 = 3;

pub(crate) fn generate(arguments: &GenArguments) -> Result<Exit, Failure> {
    let written = match &arguments.output {
        Some(path) => File::create(path)
            .and_then(|file| write(BufWriter::new(file), arguments))
            .map_err(|error| (source::shown(path), error)),
        None => write(BufWriter::new(io::stdout().lock()), arguments)
            .map_err(|error| ("standard output".to_owned(), error)),
    };
    match written {
        Err((_, error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err((name, error)) => {
            Err(Failure::usage(format!("`{name}` cannot be written: {error}"), "check the path"))
        }
        Ok(()) => Ok(Exit::Success),
    }
}

fn write(mut out: impl Write, arguments: &GenArguments) -> io::Result<()> {
    let GenArguments { shape, tasks, seed, .. } = arguments;
    let name = match shape {
        Shape::Fan => "fan",
        Shape::Chain => "chain",
        Shape::Layered => "layered",
    };
    writeln!(out, r#"{{"id": "{name}-{tasks}","#)?;
    writeln!(out, r#" "title": "{tasks} tasks in a {name}, seed {seed}","#)?;
    writeln!(out, r#" "tasks": ["#)?;
    let mut lot = Lot(*seed);
    for index in 0..*tasks {
        let dependencies = match (shape, index) {
            (_, 0) => Vec::new(),
            (Shape::Fan, _) => vec![0],
            (Shape::Chain, _) => vec![index - 1],
            (Shape::Layered, _) => layered(index, &mut lot),
        };
        let names: Vec<String> = dependencies.iter().map(|d| format!("\"t{d}\"")).collect();
        let comma = if index + 1 < *tasks { "," } else { "" };
        writeln!(
            out,
            r#"  {{"id": "t{index}", "description": "task {index}", "dependencies": [{}], "parameters": {{"n": {index}}}}}{comma}"#,
            names.join(", ")
        )?;
    }
    writeln!(out, "]}}")?;
    out.flush()
}

/// One to three tasks of the layer before; none for the first layer.
fn layered(index: u32, lot: &mut Lot) -> Vec<u32> {
    let layer = index / LAYER;
    if layer == 0 {
        return Vec::new();
    }
    let count = 1 + lot.next() % MOST_DEPENDENCIES;
    let start = (layer - 1) * LAYER;
    let mut chosen: Vec<u32> = (0..count)
        .map(|_| start + u32::try_from(lot.next() % u64::from(LAYER)).unwrap_or(0))
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Numbers by lot (SplitMix64; Steele, Lea, Flood 2014).
struct Lot(u64);

impl Lot {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_a_valid_file_and_the_same_each_time() {
        for shape in [Shape::Fan, Shape::Chain, Shape::Layered] {
            for tasks in [1, 2, 250] {
                let arguments = GenArguments { shape, tasks, seed: 7, output: None };
                let (mut first, mut second) = (Vec::new(), Vec::new());
                write(&mut first, &arguments).unwrap();
                write(&mut second, &arguments).unwrap();
                assert_eq!(first, second);
                let report = alt::read(&first, &alt::Check { strict: true, ..Default::default() });
                assert_eq!(report.diagnostics, [], "{shape:?} {tasks}");
                assert_eq!(report.alt.unwrap().graph().len(), tasks as usize);
            }
        }
    }
}
