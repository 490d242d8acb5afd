//! The tables of `benches/README.md`, between two marks; what stands around them is a person's.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::deliveries::Workload;
use crate::results::{Load, Results};

const BEGIN: &str = "<!-- Between these marks, `script/bench --write` writes. -->\n";
const END: &str = "<!-- The end of what `script/bench --write` writes. -->\n";

/// Puts the tables into the file.
pub(crate) fn write(results: &Results, path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let marks = "README.md has lost the marks between which the results stand.";
    let (before, rest) = text.split_once(BEGIN).context(marks)?;
    let (_, after) = rest.split_once(END).context(marks)?;
    let tables = tables(results)?;
    Ok(fs::write(
        path,
        format!("{before}{BEGIN}{tables}{END}{after}"),
    )?)
}

fn tables(results: &Results) -> Result<String> {
    let mut out = String::new();
    let machine = &results.machine;
    writeln!(
        out,
        "\nMeasured on {}: {} × {}, {} GiB, {}, Postgres {} with {}, all else default.\n",
        machine.day,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.system,
        machine.postgres,
        machine.settings.join(", ")
    )?;
    writeln!(out, "![Time over the number of people](times.svg)\n")?;
    for (people, loads) in &results.loads {
        writeln!(out, "### N = {}\n", grouped(*people))?;
        writeln!(
            out,
            "| | Hayloft | hand-written SQL | ratio | the SQL, deduplicating | Hayloft's own CPU a row | its peak memory |"
        )?;
        writeln!(out, "| --- | --: | --: | --: | --: | --: | --: |")?;
        for (workload, load) in loads {
            writeln!(out, "{}", line(*workload, load))?;
        }
        writeln!(out)?;
    }
    folder(results, &mut out)?;
    Ok(out)
}

fn line(workload: Workload, load: &Load) -> String {
    let cell = |value: Option<f64>, unit: &str| {
        value.map_or_else(String::new, |value| format!("{}{unit}", digits(value)))
    };
    format!(
        "| {}: {} | {} | {} | {} | {} | {} | {} |",
        workload.name(),
        workload.title(),
        cell(load.hayloft.seconds(), " s"),
        cell(load.reference.seconds(), " s"),
        cell(load.ratio(), ""),
        cell(load.deduplicating.seconds(), " s"),
        cell(load.cpu_micros_per_row(), " µs"),
        cell(load.hayloft.peak_mib(), " MiB"),
    )
}

fn folder(results: &Results, out: &mut String) -> Result<()> {
    let mut lines = Vec::new();
    if let Some(drops) = results.drops {
        lines.push(format!(
            "- A file of 100 rows, moved into the watched folder, is visible after {} ms (median of \
             {}; 99 of 100 within {} ms).",
            digits(drops.median_ms),
            drops.count,
            digits(drops.p99_ms)
        ));
    }
    if let Some(waiting) = results.waiting {
        lines.push(format!(
            "- {} files of 100 rows that wait in the folder take {} s from the start of `hayloft \
             watch`; one psql session that runs the SQL once a file takes {} s.",
            grouped(waiting.files),
            digits(waiting.hayloft_seconds),
            digits(waiting.reference_seconds)
        ));
    }
    if let Some(start) = results.start {
        lines.push(format!(
            "- From the start of the process to the first statement of a load: {} ms; to the end of \
             a load of one row: {} ms.",
            digits(start.median_ms),
            digits(start.process_ms)
        ));
    }
    lines.extend(growth(results));
    if !lines.is_empty() {
        writeln!(out, "### Small files\n\n{}\n", lines.join("\n"))?;
    }
    Ok(())
}

/// How the time of a small file grows with the table.
fn growth(results: &Results) -> Option<String> {
    const SMALL: u64 = 1_000_000;
    const LARGE: u64 = 10_000_000;
    let small = results.loads.get(&SMALL)?.get(&Workload::W4)?;
    let large = results.loads.get(&LARGE)?.get(&Workload::W4)?;
    Some(format!(
        "- W4 on {} people takes {} times as long as on {}; the SQL takes {} times as long.",
        grouped(LARGE),
        digits(large.hayloft.seconds()? / small.hayloft.seconds()?),
        grouped(SMALL),
        digits(large.reference.seconds()? / small.reference.seconds()?)
    ))
}

/// Three digits that count.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        some if some >= 10.0 => format!("{value:.1}"),
        few if few >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `1,000,000`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
